"""Streams that Firehose takes to the lake: no record is lost on the way, and each is a line in its hour's folder."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest
from firehose_server import ContractError, Firehose

from asterism.adapters.aws.frames import bodies, frames
from asterism.declare.record import Record
from asterism.declare.stream import Stream, Transform
from asterism.deploy.aws.build import design
from asterism.deploy.derive import graph_of
from asterism.deploy.package import Archive, Package
from asterism.entry.delivery import Delivery
from asterism.ports.log import Entry
from asterism.project.load import load
from asterism.run.records import Shape

USER_DATA = Path(__file__).parents[3] / "examples" / "user_data"
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


def deliveries():
    """What the deployment of user_data tells Firehose, and what its functions answer with."""
    _, graph = graph_of(USER_DATA, "aws", {})
    made = design(graph, Package(Archive("platform", {}), Archive("libraries", {}))).resources
    platform = load(USER_DATA, "aws", {}, sealed=True).platform
    streams = {each.name: each for each in platform.streams}
    for each in made:
        if each.kind == "aws_kinesis_firehose_delivery_stream":
            (told,) = each.arguments["extended_s3_configuration"]
            name = each.name.removeprefix("backup_").replace("_", "-")
            answer = Delivery(Shape(streams[name]), None, bodies).answered
            yield name, Firehose(answer, told["prefix"], told["error_output_prefix"], "source/", NOON)


def test_what_user_data_is_sent_is_in_its_lake_by_the_hour_and_read_back_by_sql(tmp_path):
    ana = {"name": {"first_name": "Ana", "last_name": "Roe"}, "address": {"zip_code": "02169"}}
    sent = {
        "raw-users": [ana, [1, {"deep": [None]}], "text"],
        "users": [{"first_name": "Ana", "last_name": "Roe", "zip_code": "02169"}],
    }
    for name, stream in deliveries():
        (frame,) = frames([Entry(f"r{n}", "", msgspec.json.encode(each)) for n, each in enumerate(sent[name])])
        stream.put_record_batch([frame])
        stream.flush()
        for key, body in stream.objects.items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"{key}").write_bytes(body)
        hour = f"{tmp_path}/lake/backup/{name}/2026/03/01/12/*.gz"
        # As the catalogue's table has it: a line is the column `record`.
        table = f"read_csv('{hour}', columns = {{record: 'VARCHAR'}}, delim = chr(1), quote = '', header = false)"
        rows = duckdb.execute(f"SELECT record FROM {table}").fetchall()
        assert [json.loads(record) for (record,) in rows] == sent[name]
        assert not [key for key in stream.objects if "_failed" in key]
    persons = duckdb.execute(f"SELECT record->>'zip_code' FROM {table}").fetchall()
    assert persons == [("02169",)]


def test_a_function_that_loses_a_record_is_noticed():
    def losing(event):
        return {"records": Delivery(Shape(RAW)).answered(event)["records"][1:]}

    stream = Firehose(losing, PREFIX, ERRORS, BACKUP, NOON)
    stream.put_record_batch([b"1", b"2"])
    with pytest.raises(ContractError, match="answered once"):
        stream.flush()
