"""The log on Pub/Sub: a topic for each stream, a subscription for each of its consumers.

Pub/Sub has no offsets. A record gets its position when it is read: a number that grows with the clock, so that it is
beyond all that any reader before had. `commit` acknowledges; what was not comes again, at another position, in the
order of its lane. Records of one key share a lane (an ordering key), and a lane brings nothing more until what it has
brought is acknowledged.

Topics and subscriptions are made by `asterism deploy`; a missing one is made here, where that is allowed. None has dead
letters: a record that nobody can take is set aside by its reader, or holds it up, and is not lost from its order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

import grpc
from google.auth.exceptions import GoogleAuthError

from asterism.adapters.gcp.access import parts, status, told
from asterism.adapters.gcp.topics import Message, Received, Topics
from asterism.errors import LogError
from asterism.ports.log import Entry, Logged, Offsets, Standing

SHAPE = "pubsub://project/topic"
PARTITION = "pubsub"
LANES = 32
"""Ordering keys of a stream: each takes a megabyte a second."""
LEASE = 30
"""Seconds after which what was read and not acknowledged comes again, unless its reader lives and asks for more."""
_RENEW = LEASE / 3
_MOST_BYTES = 4_000_000
"""Bodies that one read answers, but at least one record."""
_LARGEST = 10_000_000
"""Bytes of one request to publish, by Pub/Sub's limits; those of a message are the same."""
_MOST_MESSAGES = 1_000
_FIRST_PULL = 16
_LONGEST_WAIT = 20.0


@dataclass
class _Feed:
    """What a consumer has read of a stream and not committed, in the order of positions."""

    subscription: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: dict[int, tuple[str, Logged]] = field(default_factory=dict)
    """Acknowledgement and record, by position."""
    position: int = 1
    """The last that was given."""
    committed: int = 0
    is_new: bool = False
    """Whether it stands at its beginning."""
    size: float = _MOST_BYTES / _FIRST_PULL
    """Bytes of a record, about: so that a pull brings what a read may answer."""


class PubSubLog:
    """Implements `Log`. Safe to use from several threads; a consumer that reads twice at once has its records shared.

    An append is all or nothing within a lane, not across them: what is repeated after an error may come twice.
    """

    dedupes = False
    numbered = False

    def __init__(self, uri: str) -> None:
        """`uri` is `pubsub://project/topic`, of which each stream's topic is `topic.stream`. Raises LogError."""
        project, self._name = parts(uri, SHAPE, "the log")
        self._uri = uri
        with self._speaking("the log"):
            self._topics = Topics(project)
        self._feeds: dict[tuple[str, str], _Feed] = {}
        self._listed: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._senders = ThreadPoolExecutor(8, "publish")
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)
        self._keeper.start()

    def append(self, stream: str, entries: Sequence[Entry], dedupe: timedelta) -> list[bool]:  # noqa: ARG002 - ids are looked at where records are taken in
        """See `Log.append`: lanes side by side, each in its order."""
        topic = self._topic(stream)
        lanes: dict[str, list[Message]] = {}
        for each in entries:
            lane = f"lane-{crc32(each.key.encode()) % LANES}" if each.key else ""
            lanes.setdefault(lane, []).append(Message(each.body, {"id": each.id, "key": each.key}, lane))

        def send(messages: list[Message]) -> None:
            for some in _requests(messages):
                self._topics.publish(topic, some)

        with self._speaking(f"the log's stream {stream}"):
            if len(lanes) == 1:
                send(*lanes.values())
            else:
                for done in [self._senders.submit(send, messages) for messages in lanes.values()]:
                    done.result()
        return [True] * len(entries)

    def read(self, stream: str, consumer: str, after: Offsets, limit: int, wait: float = 0.0) -> list[Logged]:
        """See `Log.read`."""
        feed = self._feed(stream, consumer)
        beyond, until = after.get(PARTITION, 0), time.monotonic() + wait
        with feed.lock, self._speaking(f"the log's stream {stream}"):
            if "" in after and not beyond and not feed.is_new:
                feed.held.clear()
                self._topics.begin_anew(feed.subscription, self._topic(stream), LEASE)
                feed.is_new = True
            feed.position = max(feed.position, beyond)
            while True:
                left = max(0.0, until - time.monotonic())
                found = self._held(feed, beyond, limit)
                if len(found) < limit and sum(len(each.body) for each in found) < _MOST_BYTES:
                    self._pull(feed, min(limit - len(found), _MOST_MESSAGES), 0.0 if found else left)
                    found = self._held(feed, beyond, limit)
                if found or left <= 0:
                    return found

    def commit(self, stream: str, consumer: str, offsets: Offsets) -> None:
        """See `Log.commit`: acknowledges what was read here. What Pub/Sub forgets of it comes again."""
        feed, until = self._feeds.get((stream, consumer)), offsets.get(PARTITION, 0)
        if feed is None:
            return
        with feed.lock, self._speaking(f"the log's stream {stream}"):
            done = [position for position in feed.held if position <= until]
            if done:
                self._topics.acknowledge(feed.subscription, [feed.held[position][0] for position in done])
                feed.is_new = False
            for position in done:
                del feed.held[position]
            feed.committed = max(feed.committed, until)

    def standing(self, stream: str) -> Standing:
        """See `Log.standing`: which consumers there are, and how far those of this process are; no more is known."""
        with self._speaking(f"the log's stream {stream}"):
            if stream not in self._listed:
                self._listed[stream] = self._topics.consumers(self._topic(stream))
        committed: dict[str, Mapping[str, int]] = {name: {PARTITION: 1} for name in self._listed[stream]}
        for (of, consumer), feed in list(self._feeds.items()):
            if of == stream:
                committed[consumer] = {PARTITION: max(1, feed.committed)}
        return Standing({}, committed)

    def trim(self, stream: str, consumers: Collection[str], before: datetime, keep_bytes: int | None = None) -> int:  # noqa: ARG002 - as the port has it
        """See `Log.trim`: the topic's retention does that, as it was deployed."""
        return 0

    def erase(self, stream: str, ids: Collection[str]) -> int:  # noqa: ARG002 - as the port has it
        """See `Log.erase`: Pub/Sub cannot; the topic's retention ends them."""
        return 0

    def close(self) -> None:
        """See `Log.close`. What was read and not committed is given back at once."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._keeper.join()
        self._senders.shutdown()
        for feed in self._feeds.values():
            with feed.lock, suppress(grpc.RpcError):
                self._topics.extend(feed.subscription, [ack for ack, _ in feed.held.values()], 0)
                feed.held.clear()
        self._topics.close()

    def _topic(self, stream: str) -> str:
        return self._topics.topic(self._name, stream)

    def _feed(self, stream: str, consumer: str) -> _Feed:
        with self._lock:
            feed = self._feeds.get((stream, consumer))
            if feed is None:
                with self._speaking(f"the log's stream {stream}"):
                    topic = self._topic(stream)
                    subscription = self._topics.subscription(topic, consumer)
                    is_new = self._topics.subscribe(subscription, topic, consumer, LEASE)
                feed = self._feeds[stream, consumer] = _Feed(subscription, is_new=is_new)
            return feed

    def _pull(self, feed: _Feed, most: int, wait: float) -> None:
        """Take on what has come, a few megabytes at most; those of one lane come in its order."""
        count = max(1, min(most, int(_MOST_BYTES / max(feed.size, 1.0))))
        for each in self._topics.pull(feed.subscription, count, min(wait, _LONGEST_WAIT)):
            feed.position = max(feed.position + 1, time.time_ns() // 1000)
            feed.size += (len(each.body) + 100 - feed.size) / 8
            feed.held[feed.position] = (each.acknowledgement, _logged(each, feed.position))

    @staticmethod
    def _held(feed: _Feed, beyond: int, limit: int) -> list[Logged]:
        found: list[Logged] = []
        size = 0
        for position, (_, record) in feed.held.items():
            if position <= beyond:
                continue
            size += len(record.body)
            if len(found) == limit or (size > _MOST_BYTES and found):
                break
            found.append(record)
        return found

    def _keep(self) -> None:
        """Ask for more time for what is being worked on."""
        while not self._closed.wait(_RENEW):
            for feed in list(self._feeds.values()):
                held = list(feed.held.values())  # without its lock, which a reader that waits holds
                with suppress(grpc.RpcError, GoogleAuthError):
                    self._topics.extend(feed.subscription, [ack for ack, _ in held], LEASE)

    @contextmanager
    def _speaking(self, subject: str) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, GoogleAuthError, ValueError) as error:
            if self._closed.is_set():
                raise LogError(subject, "is closed") from error
            fact, remedy = told(error)
            if status(error) is grpc.StatusCode.INVALID_ARGUMENT:
                remedy = "A record of Pub/Sub has 10 MB at most: lower body_limit in asterism.toml."
            raise LogError(subject, fact, remedy) from error


def _logged(each: Received, position: int) -> Logged:
    """A message; one that others published has its own id and key for want of ours."""
    identifier = each.attributes.get("id", each.identifier)
    return Logged(PARTITION, position, identifier, each.attributes.get("key", each.lane), each.at, each.body)


def _requests(messages: Sequence[Message]) -> Iterator[list[Message]]:
    some: list[Message] = []
    size = 0
    for each in messages:
        length = len(each.body) + 3_000
        if some and (len(some) == _MOST_MESSAGES or size + length > _LARGEST):
            yield some
            some, size = [], 0
        some.append(each)
        size += length
    if some:
        yield some
