"""Events of AWS, answered by the verbs of `asterism run`: the one handler of all Lambda functions.

    schedule            {"source": "asterism", "verb": "pull", "name": "totesys"}, or EventBridge's own: all pulls
    S3                  objects that appeared: the pulls of their places
    Kinesis             records of a stream: the consumers in ASTERISM_CONSUMER read on
    SQS, SNS            records for a stream: of the message's attribute `stream`, of the topic, or ASTERISM_STREAM;
                        what SNS and S3 put into a queue; and dead letters: of a call, its event, of Kinesis, a batch
    Firehose            lines for the lake: ASTERISM_STREAM unpacked, or what ASTERISM_TRANSFORM makes of it
    API Gateway, URL    a request for the same HTTP application that `asterism run` serves

ASTERISM_PROJECT is the platform's folder in the package, ASTERISM_STAGE its stage, ASTERISM_SCRATCH a folder that may
be written.

A failure is told by item where the service can send items again: `batchItemFailures`. Else it is raised, and the
service tries again, or puts the event among the dead letters.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from asterism.entry.site import Came, Site, Stopped
from asterism.errors import AsterismError, UsageError

_SPARE_MS = 10_000
"""What is left of a function's time when it stops beginning anything."""
_BITS = 16
"""Of a position in Kinesis that tell the place in a frame: see adapters/aws/frames.py."""
_log = logging.getLogger(__name__)
Event = Mapping[str, Any]


def handler(event: Event, context: Any = None) -> Any:
    """Answer one event. Raises UsageError for one that is none of these."""
    kind = _kind(event)
    if kind is None:
        raise UsageError("the event", f"is of no known kind; it has {sorted(event)}", "See asterism.entry.aws_lambda.")
    return kind(event, context)


@cache
def site() -> Site:
    """The platform, read once a process."""
    code = Path(os.environ.get("LAMBDA_TASK_ROOT", "/var/task"))
    root = code / os.environ.get("ASTERISM_PROJECT", "project")
    scratch = Path(os.environ.get("ASTERISM_SCRATCH", "/tmp/asterism"))  # noqa: S108 - the one place there is
    return Site(root, os.environ.get("ASTERISM_STAGE"), scratch, os.environ)


def _kind(event: Event) -> Callable[[Event, Any], Any] | None:
    if "verb" in event:
        return _clock
    if "requestContext" in event and "http" in event["requestContext"]:
        return _request
    if "invocationId" in event and "records" in event:
        return _delivery
    if event.get("source") == "aws.s3":
        return _object
    if event.get("detail-type") == "Scheduled Event":
        return lambda _event, _context: site().do("pull")
    first: Event = next(iter(event.get("Records", ())), {})
    source = first.get("eventSource") or first.get("EventSource") or ""
    return {"aws:s3": _objects, "aws:kinesis": _kinesis, "aws:sqs": _queue, "aws:sns": _topic}.get(source)


def _clock(event: Event, _context: Any) -> Any:
    return site().do(event["verb"], event.get("name", ""))


def _objects(event: Event, _context: Any) -> Any:
    """Keys come quoted as in a query."""
    found = [(each["s3"]["bucket"]["name"], unquote_plus(each["s3"]["object"]["key"])) for each in event["Records"]]
    return site().objects([f"s3://{bucket}/{key}" for bucket, key in found])


def _object(event: Event, _context: Any) -> Any:
    """By EventBridge, whose keys are plain."""
    detail = event["detail"]
    return site().objects([f"s3://{detail['bucket']['name']}/{detail['object']['key']}"])


def _kinesis(event: Event, context: Any) -> Any:
    """The event says that records came; the consumers know by themselves from where to read on."""
    consumers = [each for each in os.environ.get("ASTERISM_CONSUMER", "warehouse").split(",") if each]

    def may_go_on() -> bool:
        return context is None or context.get_remaining_time_in_millis() > _SPARE_MS

    stopped = site().consume(consumers, may_go_on)
    failed = {_sequence(event, each) for each in stopped}
    return {"batchItemFailures": [{"itemIdentifier": each} for each in sorted(failed)]}


def _sequence(event: Event, stopped: Stopped) -> str:
    """The record of the event from which it is to be sent again: where a view stands, else the first."""
    records = [each["kinesis"]["sequenceNumber"] for each in event["Records"]]
    standing = str(stopped.position >> _BITS)[1:]
    return standing if standing in records else str(records[0])


def _queue(event: Event, _context: Any) -> Any:
    """Records one by one: what the log does not take now is sent again. What does not fit goes to quarantine."""
    failed = []
    for each in event["Records"]:
        try:
            attributes = {name: value.get("stringValue", "") for name, value in each["messageAttributes"].items()}
            body, ident = each["body"].encode(), attributes.get("id") or each["messageId"]
            if (told := _notification(each["body"])) is not None:
                _told(told)
                continue
            stream = attributes.get("stream") or os.environ.get("ASTERISM_STREAM", "")
            site().take(stream, [Came(body, ident)], "sqs")
        except (AsterismError, KeyError, TypeError, ValueError) as error:  # the latter of what has no shape of theirs
            _log.error("message %s: %s: %s", each["messageId"], type(error).__name__, error)
            failed.append(each["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _notification(body: str) -> Event | None:
    """What a topic or a bucket put into a queue, or what came there because a function had failed; None: a record."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    if found.get("Type") == "Notification" and "TopicArn" in found:
        return {"Records": [{"EventSource": "aws:sns", "Sns": found}]}
    if "requestContext" in found and isinstance(found.get("requestPayload"), dict):
        payload: Event = found["requestPayload"]
        return payload
    if "KinesisBatchInfo" in found:
        sequence = found["KinesisBatchInfo"].get("startSequenceNumber", "")
        return {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": sequence}}]}
    sources = {each.get("eventSource") for each in found.get("Records", ()) if isinstance(each, dict)}
    return found if sources == {"aws:s3"} else None


def _told(event: Event) -> None:
    """Do what an event in a message asks for. Raises AsterismError where it has not been done."""
    answer = handler(event)
    if isinstance(answer, dict) and answer.get("batchItemFailures"):
        raise AsterismError("the message", "could not be worked off", "It comes again.")


def _topic(event: Event, _context: Any) -> Any:
    """AWS has seen to it that they are genuine. The id is the notification's."""
    for each in event["Records"]:
        told = each["Sns"]
        endpoints = site().project.platform.endpoints
        streams = [one.stream.name for one in endpoints if told["TopicArn"] in one.service.topics]
        chosen = streams or [os.environ.get("ASTERISM_STREAM", "")]
        for stream in chosen:
            site().take(stream, [Came(told["Message"].encode(), told["MessageId"])], f"sns {told['TopicArn']}")


def _delivery(event: Event, _context: Any) -> Any:
    return _deliveries(os.environ["ASTERISM_STREAM"], os.environ.get("ASTERISM_TRANSFORM", "")).answered(event)


@cache
def _deliveries(stream: str, transform: str) -> Any:
    from asterism.adapters.aws.frames import bodies
    from asterism.entry.delivery import opened, transformed

    if not transform:
        return opened(site().shape(stream).stream, bodies)
    known = {each.name: each for each in site().project.platform.transforms}
    return transformed(known[transform], site().wiring.log())


def _request(event: Event, _context: Any) -> Any:
    from asterism.entry.gateway import answered

    door = _door()
    return door.loop.run_until_complete(answered(door.app, event))


@cache
def _door() -> Any:
    from asterism.entry.door import Door

    return Door(site(), asyncio.new_event_loop())
