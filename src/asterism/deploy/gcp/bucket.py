"""Buckets of Cloud Storage: private, versioned; what is to end by age ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.gcp.function import oidc
from asterism.deploy.gcp.setting import bucket_ref, uri_of
from asterism.deploy.gcp.topic import AGENT, ATTEMPTS, DEAD
from asterism.deploy.graph import Function, Objects
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import REGION, Place, Setting, reference

REPLACED_DAYS = 30
"""Days for which a replaced or deleted version can be brought back."""


def buckets(setting: Setting) -> Iterator[Resource]:
    """The lake, the sources that are ours, and what tells functions of objects."""
    lake = Place.of(setting.graph.stores.lake)
    if setting.makes(lake.bucket):
        place = setting.graph.place("lake")
        rules = endings(setting, lake)
        yield private(lake.bucket, label(lake.bucket), "the lake", place, rules=rules, keeps=True)
    told = False
    for function in setting.graph.functions:
        for url in sorted({use.name for use in function.uses_of("source")}):
            bucket = Place.of(url).bucket
            if setting.makes(bucket) and bucket != lake.bucket:
                yield private(bucket, label(bucket), "objects that are pulled", function.place, keeps=True)
        for start in function.starts:
            if isinstance(start, Objects):
                if not told:
                    yield Resource("google_storage_project_service_account", "this", data=True)
                told = True
                yield from notification(setting, function, start)


def private(
    bucket: str,
    name: str,
    purpose: str,
    place: str,
    *,
    rules: tuple[dict[str, Any], ...] = (),
    keeps: bool = False,
) -> Resource:
    """A bucket that nobody reads without a role in it. Google encrypts what is in it."""
    replaced = {"action": [{"type": "Delete"}], "condition": [{"days_since_noncurrent_time": REPLACED_DAYS}]}
    return Resource(
        "google_storage_bucket",
        name,
        {
            "name": bucket,
            "location": REGION.ref,
            "uniform_bucket_level_access": True,
            "public_access_prevention": "enforced",
            "versioning": [{"enabled": True}],
            "lifecycle_rule": [replaced, *rules],
            "force_destroy": not keeps,
        },
        purpose,
        place,
        keeps=keeps,
    )


def endings(setting: Setting, lake: Place) -> tuple[dict[str, Any], ...]:
    """Personal data has an end: a rule a stream that says so. Asterism erases by itself; this is the second lock."""
    return tuple(
        {
            "action": [{"type": "Delete"}],
            "condition": [{"age": max(1, log.keep.days), "matches_prefix": [f"{lake.prefix}raw/streams/{log.name}/"]}],
        }
        for log in setting.graph.logs
        if log.keep is not None
    )


def notification(setting: Setting, function: Function, start: Objects) -> Iterator[Resource]:
    """Cloud Storage tells a topic of each object that appears, and the topic the function."""
    place = Place.of(start.url)
    name = label("objects", start.name)
    topic = Resource(
        "google_pubsub_topic", name, {"name": setting.name("objects", start.name)}, f"objects of {start.url}",
        start.place,
    )  # fmt: skip
    yield topic
    member = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
    allowed = Resource(
        "google_pubsub_topic_iam_member",
        name,
        {"topic": topic.ref("name"), "role": "roles/pubsub.publisher", "member": member},
        "Cloud Storage may tell of them",
        start.place,
    )
    yield allowed
    arguments: dict[str, Any] = {
        "bucket": bucket_ref(setting, place.bucket),
        "topic": topic.ref("id"),
        "payload_format": "JSON_API_V1",
        "event_types": ["OBJECT_FINALIZE"],
        "depends_on": [allowed.address],
    }
    if place.prefix:
        arguments["object_name_prefix"] = place.prefix
    yield Resource("google_storage_notification", name, arguments, f"tells of objects in {start.url}", start.place)
    told = Resource(
        "google_pubsub_subscription",
        name,
        {
            "name": setting.name("objects", start.name, function.name),
            "topic": topic.ref("id"),
            "ack_deadline_seconds": 600,
            "expiration_policy": [{"ttl": ""}],
            "retry_policy": [{"minimum_backoff": "10s", "maximum_backoff": "600s"}],
            "dead_letter_policy": [
                {"dead_letter_topic": reference("google_pubsub_topic", DEAD, "id"),
                 "max_delivery_attempts": ATTEMPTS}
            ],
            "push_config": [{"push_endpoint": uri_of(setting, function), "oidc_token": oidc(setting, function)}],
        },
        f"objects in {start.url} start {function.name}",
        start.place,
    )  # fmt: skip
    yield told
    yield Resource(
        "google_pubsub_subscription_iam_member",
        label(name, "dead"),
        {"subscription": told.ref("name"), "role": "roles/pubsub.subscriber", "member": AGENT},
        "Pub/Sub may take dead letters from it",
        start.place,
    )
