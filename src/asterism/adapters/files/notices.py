"""Notifications of stores: which objects are new, as S3, what speaks it, and Google Cloud Storage tell.

S3 and MinIO: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html, or an event
of EventBridge; either may come in the envelope of SNS. Google: a message of Pub/Sub with attributes, or a CloudEvent:
https://cloud.google.com/storage/docs/pubsub-notifications, https://cloud.google.com/eventarc/docs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec

_DEPTH = 3
"""Envelopes in envelopes, at most."""


class Named(NamedTuple):
    """An object that a notification names."""

    bucket: str
    key: str


def named(notice: bytes) -> list[Named]:
    """The objects that are new according to a notification; none where it says something else."""
    try:
        return [*_named(msgspec.json.decode(notice), _DEPTH)]
    except msgspec.DecodeError:
        return []


def _named(told: Any, depth: int) -> Iterator[Named]:
    match told:
        case {"Records": [*records]}:
            for each in records:
                yield from _record(each, depth)
        case {"Message": str(message)} if depth:
            yield from _named(msgspec.json.decode(message), depth - 1)
        case {
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}},
        }:
            yield Named(bucket, key)
        case {
            "message": {"attributes": {"bucketId": str(bucket), "objectId": str(key), "eventType": "OBJECT_FINALIZE"}}
        }:
            yield Named(str(bucket), str(key))
        case {"data": {"bucket": str(bucket), "name": str(key)}} | {"bucket": str(bucket), "name": str(key)}:
            yield Named(bucket, key)


def _record(record: Any, depth: int) -> Iterator[Named]:
    match record:
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
            if "ObjectRemoved" not in str(record.get("eventName", "")):
                yield Named(bucket, unquote_plus(key))
        case {"Sns": {"Message": str(message)}} if depth:
            yield from _named(msgspec.json.decode(message), depth - 1)
