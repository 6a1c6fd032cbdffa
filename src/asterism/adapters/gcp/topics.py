"""Topics and subscriptions of Pub/Sub.

The protocol: https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import grpc
from google.protobuf import empty_pb2

from asterism.adapters.gcp.access import channel, messages, status, unary

proto = messages("google.pubsub_v1")
EMULATOR = "PUBSUB_EMULATOR_HOST"
KEPT = 7 * 24 * 3600
"""Seconds for which a topic that is made here keeps its messages, for consumers that come later or begin anew."""
_LONGEST_NAME = 255
_TIMEOUT = 60.0
_GLANCE = 0.02
_SPARE = 30.0
"""Seconds for an answer beyond those that it may wait: what it brings and nobody takes is leased for nothing."""
_AT_ONCE = 1_000
"""Acknowledgements in one request."""
_AGAIN = 5
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL}


class Message(NamedTuple):
    """What is published."""

    body: bytes
    attributes: Mapping[str, str]
    lane: str


class Received(NamedTuple):
    """What is delivered."""

    acknowledgement: str
    identifier: str
    lane: str
    at: int
    """When it was published: microseconds since 1970."""
    attributes: Mapping[str, str]
    body: bytes


class Topics:
    """Those of one project. Raises grpc.RpcError."""

    def __init__(self, project: str) -> None:
        """Connect. Raises GoogleAuthError."""
        self._project = project
        self._channel = channel("pubsub.googleapis.com", EMULATOR)
        self._ready: set[str] = set()

        def call(service: str, method: str, answer: Any) -> Callable[..., Any]:
            return unary(self._channel, f"/google.pubsub.v1.{service}/{method}", answer)

        self._publish = call("Publisher", "Publish", proto.PublishResponse.pb())
        self._create_topic = call("Publisher", "CreateTopic", proto.Topic.pb())
        self._list = call("Publisher", "ListTopicSubscriptions", proto.ListTopicSubscriptionsResponse.pb())
        self._create = call("Subscriber", "CreateSubscription", proto.Subscription.pb())
        self._delete = call("Subscriber", "DeleteSubscription", empty_pb2.Empty)
        self._seek = call("Subscriber", "Seek", proto.SeekResponse.pb())
        self._pull = call("Subscriber", "Pull", proto.PullResponse.pb())
        self._acknowledge = call("Subscriber", "Acknowledge", empty_pb2.Empty)
        self._extend = call("Subscriber", "ModifyAckDeadline", empty_pb2.Empty)

    def topic(self, name: str, stream: str) -> str:
        """The name of a stream's topic. Names of streams that Pub/Sub does not take are spelled as in a URL."""
        return f"projects/{self._project}/topics/{_spelled(name, stream)}"

    def subscription(self, topic: str, consumer: str) -> str:
        """The name of a consumer's subscription."""
        short = topic.rpartition("/")[2]
        return f"projects/{self._project}/subscriptions/{_spelled(short, consumer)}"

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish messages of one lane, in their order; returns when they are kept. Makes the topic."""
        request = proto.PublishRequest.pb()(topic=topic)
        for each in messages:
            request.messages.add(data=each.body, attributes=each.attributes, ordering_key=each.lane)
        try:
            _patiently(self._publish, request, f"topic={topic}")
        except grpc.RpcError as error:
            if status(error) is not grpc.StatusCode.NOT_FOUND:
                raise
            self._make_topic(topic)
            _patiently(self._publish, request, f"topic={topic}")

    def subscribe(self, subscription: str, topic: str, consumer: str, lease: int, endpoint: str = "") -> bool:
        """Make a subscription, and its topic, where they are not there; answer whether it is new.

        With `endpoint`, messages are pushed to it.
        """
        request = proto.Subscription.pb()(
            name=subscription,
            topic=topic,
            ack_deadline_seconds=lease,
            enable_message_ordering=True,
            message_retention_duration={"seconds": KEPT},
            expiration_policy={},  # never: a view that stands still for a month is not to begin anew
            push_config={"push_endpoint": endpoint} if endpoint else None,
            labels={"consumer": sha256(consumer.encode()).hexdigest()[:32]},
        )
        for again in (True, False):
            try:
                self._create(request, timeout=_TIMEOUT, metadata=_routed(f"name={subscription}"))
            except grpc.RpcError as error:
                if status(error) is grpc.StatusCode.ALREADY_EXISTS:
                    return False
                if status(error) is grpc.StatusCode.PERMISSION_DENIED:  # it was deployed, or pulling will tell
                    return False
                if not (again and status(error) is grpc.StatusCode.NOT_FOUND):
                    raise
                self._make_topic(topic)
            else:
                self._rewind(subscription)
                return True
        return False

    def begin_anew(self, subscription: str, topic: str, lease: int) -> None:
        """Have everything that the topic keeps delivered again."""
        if not self._rewind(subscription):  # the emulator cannot: a new subscription begins at what is kept
            self._delete(
                proto.DeleteSubscriptionRequest.pb()(subscription=subscription), timeout=_TIMEOUT,
                metadata=_routed(f"subscription={subscription}"),
            )  # fmt: skip
            self.subscribe(subscription, topic, subscription, lease)

    def pull(self, subscription: str, most: int, wait: float) -> list[Received]:
        """What is to be delivered, `most` messages at most; waits for the first so many seconds, or a little more."""
        if wait > 0 and EMULATOR in os.environ:  # whose waiting pull is not woken by what comes
            until = time.monotonic() + wait
            while not (found := self._pulled(subscription, most, 0.0)) and time.monotonic() < until:
                time.sleep(_GLANCE)
            return found
        return self._pulled(subscription, most, wait)

    def _pulled(self, subscription: str, most: int, wait: float) -> list[Received]:
        request = proto.PullRequest.pb()(subscription=subscription, max_messages=most, return_immediately=wait <= 0)
        try:
            answer = self._pull(request, timeout=wait + _SPARE, metadata=_routed(f"subscription={subscription}"))
        except grpc.RpcError as error:
            if status(error) in {grpc.StatusCode.DEADLINE_EXCEEDED, *_PASSING}:
                return []
            raise
        return [
            Received(
                each.ack_id, each.message.message_id, each.message.ordering_key,
                each.message.publish_time.ToMicroseconds(), dict(each.message.attributes), each.message.data,
            )
            for each in answer.received_messages
        ]  # fmt: skip

    def acknowledge(self, subscription: str, acknowledgements: Sequence[str]) -> None:
        """Have messages never delivered again, as far as Pub/Sub promises."""
        for at in range(0, len(acknowledgements), _AT_ONCE):
            some = acknowledgements[at : at + _AT_ONCE]
            request = proto.AcknowledgeRequest.pb()(subscription=subscription, ack_ids=some)
            _patiently(self._acknowledge, request, f"subscription={subscription}")

    def extend(self, subscription: str, acknowledgements: Sequence[str], seconds: int) -> None:
        """Have messages delivered again no earlier than in so many seconds; 0: now."""
        for at in range(0, len(acknowledgements), _AT_ONCE):
            some = acknowledgements[at : at + _AT_ONCE]
            request = proto.ModifyAckDeadlineRequest.pb()(
                subscription=subscription, ack_ids=some, ack_deadline_seconds=seconds
            )
            _patiently(self._extend, request, f"subscription={subscription}")

    def consumers(self, topic: str) -> list[str]:
        """The consumers that have a subscription to a topic, by their names."""
        request = proto.ListTopicSubscriptionsRequest.pb()(topic=topic, page_size=1_000)
        try:
            found = self._list(request, timeout=_TIMEOUT, metadata=_routed(f"topic={topic}")).subscriptions
        except grpc.RpcError as error:
            if status(error) in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED}:
                return []
            raise
        prefix = f"{topic.rpartition('/')[2]}."
        names = [name.rpartition("/")[2] for name in found]
        return [unquote(name.removeprefix(prefix)) for name in names if name.startswith(prefix)]

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _rewind(self, subscription: str) -> bool:
        """Back to the oldest message that is kept; whether that can be done."""
        since = proto.SeekRequest.pb()(subscription=subscription, time={"seconds": int(time.time()) - KEPT})
        try:
            self._seek(since, timeout=_TIMEOUT, metadata=_routed(f"subscription={subscription}"))
        except grpc.RpcError as error:
            if status(error) is grpc.StatusCode.UNIMPLEMENTED:
                return False
            raise
        return True

    def _make_topic(self, topic: str) -> None:
        made = proto.Topic.pb()(name=topic, message_retention_duration={"seconds": KEPT})
        try:
            self._create_topic(made, timeout=_TIMEOUT, metadata=_routed(f"name={topic}"))
        except grpc.RpcError as error:
            if status(error) is not grpc.StatusCode.ALREADY_EXISTS:
                raise


def _patiently(method: Callable[..., Any], request: Any, routing: str) -> Any:
    """A call that may be repeated, repeated a few times where the service is away for a moment."""
    for again in reversed(range(_AGAIN)):
        try:
            return method(request, timeout=_TIMEOUT, metadata=_routed(routing))
        except grpc.RpcError as error:
            if not again or status(error) not in _PASSING:
                raise
            time.sleep(0.1 * 2 ** (_AGAIN - again))
    return None


def _routed(parameter: str) -> tuple[tuple[str, str], ...]:
    return (("x-goog-request-params", parameter),)


def _spelled(first: str, second: str) -> str:
    """A name of the characters, and the length, that Pub/Sub takes; a longer one ends in its hash."""
    name = f"{first}.{quote(second, safe='')}"
    return name if len(name) <= _LONGEST_NAME else f"{name[:180]}.{sha256(name.encode()).hexdigest()}"
