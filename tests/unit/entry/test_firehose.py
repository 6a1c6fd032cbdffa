"""Streams that Firehose takes to the lake: no record is lost on the way, and each is a line in its hour's folder."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from firehose_server import ContractError, Firehose

from asterism.adapters.aws.frames import bodies, frames
from asterism.declare.record import Record
from asterism.declare.stream import Stream, Transform
from asterism.entry.delivery import Delivery
from asterism.ports.log import Entry
from asterism.run.records import Shape

PREFIX = "lake/!{partitionKeyFromLambda:stream}/!{partitionKeyFromLambda:year}/!{partitionKeyFromLambda:month}/"
ERRORS = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
BACKUP = "backup/!{timestamp:yyyy/MM/dd/HH}/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Person(Record):
    name: str


RAW, PERSONS = Stream("raw-users"), Stream("users", Person)


def persons(request):
    if not isinstance(request, dict):
        raise TypeError("no object")
    return [Person(name=name) for name in request.get("names", [])]


def firehose(transform=None, **given):
    delivery = Delivery(Shape(RAW), transform, bodies)
    return Firehose(delivery.answered, PREFIX, ERRORS, BACKUP, NOON, **given)


def lines(stream, prefix):
    found = [gzip.decompress(body) for key, body in sorted(stream.objects.items()) if key.startswith(prefix)]
    return [json.loads(line) for body in found for line in body.splitlines()]


def test_records_wait_for_their_buffer_and_are_lines_of_one_object():
    stream = firehose()
    stream.put_record_batch([b'{"n": %d}' % number for number in range(400)])
    assert stream.objects == {}
    stream.pass_time(timedelta(seconds=59))
    assert stream.objects == {}
    stream.pass_time(timedelta(seconds=1))
    assert [each["n"] for each in lines(stream, "lake/raw-users/2026/03/")] == [*range(400)]
    assert [each["n"] for each in lines(stream, "backup/2026/03/01/12/")] == [*range(400)]
    assert len(stream.objects) == 2
    assert stream.invocations == 1


def test_a_full_buffer_is_delivered_at_once_in_as_many_invocations_as_it_takes():
    stream = firehose(buffer_bytes=8_000_000)
    for number in range(3):
        stream.put_record_batch([b'"%s"' % (b"%d" % number * 990_000) for _ in range(4)])
    assert stream.invocations == 2
    stream.flush()
    assert stream.invocations == 3
    assert len(lines(stream, "lake/")) == 12


def test_what_a_transform_makes_is_delivered_and_what_fails_is_kept_as_it_came():
    stream = firehose(Transform("persons", RAW, PERSONS, persons))
    stream.put_record_batch([b'{"names": ["Ana", "Bo"]}', b"[1]", b"{", b'{"names": []}', b'{"names": ["Cy"]}'])
    stream.flush()
    assert [each["name"] for each in lines(stream, "lake/users/2026/03/")] == ["Ana", "Bo", "Cy"]
    assert len(lines(stream, "failed/processing-failed/2026/03/01/")) == 2
    kept = [gzip.decompress(body) for key, body in stream.objects.items() if key.startswith("backup")]
    assert sum(body.count(b"\n") for body in kept) == 5


def test_frames_of_the_log_are_opened_on_the_way():
    stream = firehose()
    entries = [Entry(f"r{number}", f"k{number % 3}", msgspec.json.encode({"n": number})) for number in range(50)]
    stream.put_record_batch([*frames(entries)])
    stream.flush()
    assert [each["n"] for each in lines(stream, "lake/")] == [*range(50)]


def test_a_function_that_loses_a_record_is_noticed():
    def losing(event):
        return {"records": Delivery(Shape(RAW)).answered(event)["records"][1:]}

    stream = Firehose(losing, PREFIX, ERRORS, BACKUP, NOON)
    stream.put_record_batch([b"1", b"2"])
    with pytest.raises(ContractError, match="answered once"):
        stream.flush()
