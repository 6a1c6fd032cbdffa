"""Events of Google Cloud, answered by the verbs of `asterism run`: the one entry point of all Cloud Run functions.

    Scheduler           {"source": "asterism", "verb": "pull", "name": "totesys"}, posted
    Pub/Sub, pushed     a record of a stream for the consumers in ASTERISM_CONSUMER (`view-NAME`, `transform-NAME`,
                        `events-STREAM`), or what a bucket tells of an object: the pulls of its place
    CloudEvents         the same two, as Eventarc sends them: `…topic.v1.messagePublished`, `…object.v1.finalized`
    HTTP                a request for the HTTP application that `asterism run` serves: the function `http`, and no other

ASTERISM_PROJECT is the platform's folder, ASTERISM_STAGE its stage, ASTERISM_SCRATCH a folder that may be written.

A status below 300 acknowledges. What failed is answered with 500 and comes again, later each time; what a bucket tells
goes to the dead letters in the end, and a record waits in its own subscription. What is no event of ours is answered
with 400. Who may call is seen to by IAM.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from asterism.entry.site import Site
from asterism.errors import AsterismError, UsageError
from asterism.ports.log import Logged

HTTP = "http"
"""The function that takes requests from outside; it carries out no event."""
WRITE = "write"
"""The verb by which the warehouse's writer takes what waits in its subscriptions."""
READ = "read"
"""The verb by which the clock has a function's consumers read on, whether or not a message woke them."""
WAKES = "-wake-"
"""In the names of subscriptions that only call the function; see asterism/deploy/gcp/topic.py."""
_LONGEST = 240.0
"""Seconds for which a consumer goes on reading in one call."""
_log = logging.getLogger(__name__)
_turn = threading.Lock()
"""A site is used by one thread; the functions framework has several."""
_last = 0
Event = Mapping[str, Any]


def handle(request: Any) -> Any:
    """Answer one request, Flask's, as the functions framework hands it over."""
    if os.environ.get("ASTERISM_FUNCTION") == HTTP:
        return _served(request)
    try:
        event = _event(request)
        with _turn:
            done = perform(event)
    except UsageError as error:
        _log.error("%s", error)
        return {"error": str(error)}, HTTPStatus.BAD_REQUEST
    except AsterismError as error:
        _log.error("%s", error)
        return {"error": error.fact}, HTTPStatus.INTERNAL_SERVER_ERROR
    return {"done": done}, HTTPStatus.OK


def perform(event: Event) -> Any:
    """Carry out one event. Raises UsageError for one that is none of ours, and what its verb raises."""
    if "verb" in event:
        if event["verb"] == WRITE:
            return _consumed(["warehouse"])
        if event["verb"] == READ:
            return _consumed(_consumers())
        return site().do(event["verb"], event.get("name", ""))
    if "message" in event and "subscription" in event:
        return _pushed(event["message"], event["subscription"])
    kind = str(event.get("type", ""))
    if kind == "google.cloud.pubsub.topic.v1.messagePublished":
        return _pushed(event["data"]["message"], event["data"].get("subscription", ""))
    if kind == "google.cloud.storage.object.v1.finalized":
        return site().objects([f"gs://{event['data']['bucket']}/{event['data']['name']}"])
    raise UsageError("the event", f"is of no known kind; it has {sorted(event)}", "See asterism.entry.cloud_function.")


@cache
def site() -> Site:
    """The platform, read once a process."""
    root = Path(os.environ.get("ASTERISM_PROJECT", "/workspace/project"))
    scratch = Path(os.environ.get("ASTERISM_SCRATCH", "/tmp/asterism"))  # noqa: S108 - the one place there is
    return Site(root, os.environ.get("ASTERISM_STAGE"), scratch, os.environ)


def _event(request: Any) -> Event:
    """The body, as a CloudEvent where it is one: with its attributes in it, or in the headers."""
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise UsageError("the request", "has no JSON object in its body", "See asterism.entry.cloud_function.")
    if "ce-type" in request.headers:
        return {"type": request.headers["ce-type"], "data": found}
    return found


def _consumed(consumers: list[str]) -> Any:
    until = time.monotonic() + _LONGEST
    stopped = site().consume(consumers, lambda: time.monotonic() < until)
    if stopped:
        raise stopped[0].error
    return consumers


def _pushed(message: Event, subscription: str) -> Any:
    """A message is acknowledged when all consumers of this function have it for good.

    One of a subscription that only wakes says that there is something to read in the consumers' own subscriptions.
    """
    attributes = message.get("attributes") or {}
    if attributes.get("eventType") and attributes.get("bucketId"):
        if attributes["eventType"] != "OBJECT_FINALIZE":
            return []
        return site().objects([f"gs://{attributes['bucketId']}/{attributes['objectId']}"])
    consumers = _consumers()
    if WAKES in subscription:
        return _consumed(consumers)
    record = _record(message, attributes)
    for consumer in consumers:
        site().fold(consumer, [record])
    return consumers


def _consumers() -> list[str]:
    consumers = [each for each in os.environ.get("ASTERISM_CONSUMER", "").split(",") if each]
    if not consumers:
        raise UsageError("the message", "is for no consumer", "Set ASTERISM_CONSUMER, to view-NAME say.")
    return consumers


def _record(message: Event, attributes: Mapping[str, str]) -> Logged:
    """The record that a message is, as asterism/adapters/gcp/log.py reads it; positions are given here, and grow."""
    global _last  # noqa: PLW0603 - of this process, under its lock
    _last = max(_last + 1, time.time_ns() // 1000)
    body = base64.b64decode(message.get("data", ""))
    identifier = attributes.get("id", message["messageId"])
    key = attributes.get("key", message.get("orderingKey", ""))
    came = datetime.fromisoformat(message["publishTime"])
    return Logged("pubsub", _last, identifier, key, int(came.timestamp() * 1_000_000), body)


def _served(request: Any) -> Any:
    from asterism.entry.wsgi import answered

    with _turn:
        door = _door()
        return door.loop.run_until_complete(answered(door.app, request))


@cache
def _door() -> Any:
    from asterism.entry.door import Door

    return Door(site(), asyncio.new_event_loop())
