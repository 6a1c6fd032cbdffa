"""Pub/Sub: a topic a stream, a subscription a reader, and where goes what nobody could take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from asterism.deploy.gcp.function import oidc
from asterism.deploy.gcp.setting import topic_name, uri_of
from asterism.deploy.graph import Function, Graph, Objects, Reader, Records
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting, reference

DEAD = "dead_letters"
ATTEMPTS = 100
"""Deliveries until a notification counts as dead: at the longest pause between them, most of a day."""
LEASE = 30
"""Seconds for which a message is a reader's, unless it asks for more: what the adapter reckons with."""
LEAST, MOST = timedelta(minutes=10), timedelta(days=31)
"""For how long a topic keeps messages."""
AGENT = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
"""Pub/Sub itself, which forwards dead letters."""


def subscription_label(function: Function, reader: Reader) -> str:
    """The label of a reader's subscription."""
    kind, _, name = reader.consumer.partition(":")
    return label(function.name, reader.stream, *([kind, name] if kind in {"trigger", "notified"} else []))


def topics(setting: Setting) -> Iterator[Resource]:
    """Topics keep their messages, so that a reader can begin anew."""
    graph = setting.graph
    for log in graph.logs:
        kept = min(max(log.retention, LEAST), MOST)
        yield Resource(
            "google_pubsub_topic",
            label(log.name),
            {
                "name": topic_name(graph, log.name),
                "message_retention_duration": f"{int(kept.total_seconds())}s",
                "message_storage_policy": [{"allowed_persistence_regions": ["${var.region}"]}],
                "depends_on": ["google_project_service.pubsub"],
            },
            f"the stream {log.name}",
            log.place,
            keeps=True,
        )
    if notified(graph):
        yield from dead_letters(setting)
    for function in graph.functions:
        yield from (subscription(setting, function, reader) for reader in function.readers)
        if not function.alone:
            yield from (wake(setting, function, s) for s in function.starts if isinstance(s, Records))


def notified(graph: Graph) -> bool:
    """Whether functions are told of objects. Only such messages die: a record of a stream waits until it is taken."""
    return any(isinstance(start, Objects) for function in graph.functions for start in function.starts)


def dead_letters(setting: Setting) -> Iterator[Resource]:
    """One topic for all notifications that nobody could take, and a subscription that keeps what comes."""
    place = setting.graph.place("log")
    yield Resource("google_project", "this", {"project_id": "${var.project}"}, data=True)
    topic = Resource(
        "google_pubsub_topic",
        DEAD,
        {"name": setting.name("dead-letters"), "message_retention_duration": "2678400s"},
        "what nobody could take",
        place,
    )
    yield topic
    yield Resource(
        "google_pubsub_subscription",
        DEAD,
        {
            "name": setting.name("dead-letters"),
            "topic": topic.ref("id"),
            "message_retention_duration": "604800s",
            "expiration_policy": [{"ttl": ""}],
        },
        "keeps it for a look",
        place,
    )
    yield Resource(
        "google_pubsub_topic_iam_member",
        DEAD,
        {"topic": topic.ref("name"), "role": "roles/pubsub.publisher", "member": AGENT},
        "Pub/Sub may forward dead letters",
        place,
    )


def subscription(setting: Setting, function: Function, reader: Reader) -> Resource:
    """What a reader of the log reads from, many messages at once; it acknowledges after its commit.

    Without dead letters: a record that went there would be taken out of its order in silence. What cannot be taken is
    set aside by the reader itself, or holds it up, and an alarm tells of that.
    """
    name = subscription_label(function, reader)
    arguments: dict[str, Any] = {
        "name": f"{topic_name(setting.graph, reader.stream)}.{quote(reader.consumer, safe='')}",
        "topic": reference("google_pubsub_topic", label(reader.stream), "id"),
        "ack_deadline_seconds": LEASE,
        "message_retention_duration": "604800s",
        "enable_message_ordering": True,
        "expiration_policy": [{"ttl": ""}],
        "retry_policy": [{"minimum_backoff": "1s", "maximum_backoff": "600s"}],
    }
    purpose = f"records of {reader.stream} for {reader.consumer}"
    return Resource("google_pubsub_subscription", name, arguments, purpose, function.place, keeps=True)


def wake(setting: Setting, function: Function, start: Records) -> Resource:
    """Each message calls the function, which then reads on by itself. A call that is lost costs no record.

    A clock calls it as well, every ten minutes. The warehouse's writer is called by the clock alone: it takes many
    records at once.
    """
    return Resource(
        "google_pubsub_subscription",
        label("wake", function.name, start.stream),
        {
            "name": setting.name("wake", function.name, start.stream),
            "topic": reference("google_pubsub_topic", label(start.stream), "id"),
            "ack_deadline_seconds": 600,
            "message_retention_duration": "600s",
            "expiration_policy": [{"ttl": ""}],
            "retry_policy": [{"minimum_backoff": "1s", "maximum_backoff": "600s"}],
            "push_config": [{"push_endpoint": uri_of(setting, function), "oidc_token": oidc(setting, function)}],
        },
        f"records of {start.stream} start {function.name}",
        function.place,
    )
