"""Pub/Sub: a topic a stream, a subscription a reader, and where goes what nobody could take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from asterism.deploy.gcp.function import oidc
from asterism.deploy.gcp.setting import Setting, reference, uri_of
from asterism.deploy.graph import Function, Records
from asterism.deploy.resource import Resource, label

DEAD = "dead_letters"
ATTEMPTS = 100
"""Deliveries until a message counts as dead: at the longest pause between them, most of a day."""
LEAST, MOST = timedelta(minutes=10), timedelta(days=31)
"""For how long a topic keeps messages."""
AGENT = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
"""Pub/Sub itself, which forwards dead letters."""


def subscription_label(function: Function, stream: str) -> str:
    """The label of a function's subscription."""
    return label(function.name, stream)


def topics(setting: Setting) -> Iterator[Resource]:
    """Topics keep their messages, so that a reader can begin anew."""
    graph = setting.graph
    if not graph.logs and not any(isinstance(s, Records) for f in graph.functions for s in f.starts):
        return
    yield Resource("google_project", "this", {"project_id": "${var.project}"}, data=True)
    for log in graph.logs:
        kept = min(max(log.retention, LEAST), MOST)
        yield Resource(
            "google_pubsub_topic",
            label(log.name),
            {
                "name": setting.name(log.name),
                "message_retention_duration": f"{int(kept.total_seconds())}s",
                "message_storage_policy": [{"allowed_persistence_regions": ["${var.region}"]}],
                "depends_on": ["google_project_service.pubsub"],
            },
            f"the stream {log.name}",
            log.place,
            keeps=True,
        )
    yield from dead_letters(setting)
    for function in graph.functions:
        for start in function.starts:
            if isinstance(start, Records):
                yield from subscription(setting, function, start)


def dead_letters(setting: Setting) -> Iterator[Resource]:
    """One topic for all, and a subscription that keeps what comes."""
    place = setting.graph.place("log")
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


def subscription(setting: Setting, function: Function, start: Records) -> Iterator[Resource]:
    """The warehouse's writer pulls, many at once; others are pushed to, in the order of keys."""
    name = subscription_label(function, start.stream)
    arguments: dict[str, Any] = {
        "name": setting.name(start.stream, start.consumer),
        "topic": reference("google_pubsub_topic", label(start.stream), "id"),
        "ack_deadline_seconds": 600,
        "message_retention_duration": "604800s",
        "enable_message_ordering": True,
        "expiration_policy": [{"ttl": ""}],
        "retry_policy": [{"minimum_backoff": "1s", "maximum_backoff": "600s"}],
        "dead_letter_policy": [
            {
                "dead_letter_topic": reference("google_pubsub_topic", DEAD, "id"),
                "max_delivery_attempts": ATTEMPTS,
            }
        ],
    }
    if not function.alone:
        arguments["push_config"] = [{"push_endpoint": uri_of(function), "oidc_token": oidc(function)}]
    made = Resource(
        "google_pubsub_subscription",
        name,
        arguments,
        f"records of {start.stream} for {function.name}",
        function.place,
    )
    yield made
    yield Resource(
        "google_pubsub_subscription_iam_member",
        label(name, "dead"),
        {"subscription": made.ref("name"), "role": "roles/pubsub.subscriber", "member": AGENT},
        "Pub/Sub may take dead letters from it",
        function.place,
    )
