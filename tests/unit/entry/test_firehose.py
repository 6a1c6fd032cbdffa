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
from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.record import Record
from asterism.declare.stream import Stream, Transform
from asterism.deploy.aws.build import design
from asterism.deploy.derive import graph_of
from asterism.deploy.package import Archive, Package
from asterism.entry.delivery import opened, transformed
from asterism.errors import LogError
from asterism.ports.log import Entry
from asterism.project.load import load
from asterism.run.delivery import DeliveringLog
from asterism.run.quarantine import STREAM as QUARANTINE
from asterism.run.records import Envelope

USER_DATA = Path(__file__).parents[3] / "examples" / "user_data"
PREFIX = "lake/!{partitionKeyFromLambda:stream}/!{partitionKeyFromLambda:year}/!{partitionKeyFromLambda:month}/"
ERRORS = "failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
BACKUP = "backup/!{timestamp:yyyy/MM/dd/HH}/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Person(Record):
    name: str


RAW, PERSONS = Stream("raw-users", lake_only=True), Stream("users", Person, lake_only=True)


def persons(request):
    if not isinstance(request, dict):
        raise TypeError("no object")
    return [Person(name=name) for name in request.get("names", [])]


EXTRACT = Transform("persons", RAW, PERSONS, persons)


def firehose(delivery=None, **given):
    return Firehose((delivery or opened(RAW, bodies)).answered, PREFIX, ERRORS, BACKUP, NOON, **given)


def send(log, stream, *sent):
    """Append to a stream that `stream` delivers, as the door does."""

    class Put:
        def put(self, _name, lines):
            stream.put_record_batch([line + b"\n" for line in lines])

    entries = [Entry(f"r{number}", "k", body) for number, body in enumerate(sent)]
    DeliveringLog(log, Put(), lambda: {RAW.name}).append(RAW.name, entries, RAW.dedupe)


def envelopes(stream, prefix):
    found = [gzip.decompress(body) for key, body in sorted(stream.objects.items()) if key.startswith(prefix)]
    return [each for body in found for each in msgspec.json.Decoder(Envelope).decode_lines(body)]


def lines(stream, prefix):
    found = [gzip.decompress(body) for key, body in sorted(stream.objects.items()) if key.startswith(prefix)]
    return [json.loads(line) for body in found for line in body.splitlines()]


def test_records_wait_for_their_buffer_and_are_lines_of_one_object():
    stream = firehose()
    stream.put_record_batch([b'{"n": %d}\n' % number for number in range(400)])
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


def test_what_a_transform_makes_is_delivered_beside_what_came_and_what_it_raises_on_is_set_aside(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    stream = firehose(transformed(EXTRACT, log))
    sent = [b'{"names": ["Ana", "Bo"]}', b"[1]", b'{"names": []}', b'{"names": ["Cy"]}']
    send(log, stream, *sent)
    stream.put_record_batch([b"{ somebody else\n"])
    stream.flush()
    made = envelopes(stream, "lake/users/2026/03/")
    assert [(each.id, msgspec.json.decode(each.record)["name"]) for each in made] == [
        ("persons/r0/0", "Ana"), ("persons/r0/1", "Bo"), ("persons/r3/0", "Cy"),
    ]  # fmt: skip
    kept = [body for key, body in stream.objects.items() if key.startswith("backup")]
    assert gzip.decompress(b"".join(kept)).count(b"\n") == len(sent) + 1
    (aside,) = log.read(QUARANTINE.name, "c", {}, 10)
    assert b"no object" in aside.body
    (failed,) = lines(stream, "failed/processing-failed/2026/03/01/")
    assert failed["errorCode"] == "Lambda.ProcessingFailedStatus"
    log.close()


def test_a_call_that_could_not_set_aside_is_made_again_and_changes_no_id(tmp_path):
    class Failing(SqliteLog):
        left = 2

        def append(self, stream, entries, dedupe):
            self.left -= 1
            if self.left >= 0:
                raise LogError("the log", "is full")
            return super().append(stream, entries, dedupe)

    log = Failing(tmp_path / "log.db")
    stream = firehose(transformed(EXTRACT, log))
    send(log, stream, b'{"names": ["Ana"]}', b"[1]")
    stream.flush()
    assert stream.invocations == 3
    assert [each.id for each in envelopes(stream, "lake/users/")] == ["persons/r0/0"]
    assert len(log.read(QUARANTINE.name, "c", {}, 10)) == 1
    log.left = 99
    send(log, stream, b"[2]")
    stream.flush()  # four times in vain: it is kept apart, and as it came
    assert [each["errorCode"] for each in lines(stream, "failed/")] == ["Lambda.InvocationFailed"]
    assert len(envelopes(stream, "backup/")) == 3
    log.close()


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
            answer = opened(streams[name], bodies).answered
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
        return {"records": opened(RAW, bodies).answered(event)["records"][1:]}

    stream = Firehose(losing, PREFIX, ERRORS, BACKUP, NOON)
    stream.put_record_batch([b"1", b"2"])
    with pytest.raises(ContractError, match="answered once"):
        stream.flush()
