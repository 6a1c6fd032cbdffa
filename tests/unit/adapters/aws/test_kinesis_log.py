"""The log in Kinesis: what it turns away, shards that are split and merged, what others put, what is erased."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import boto3
import pytest
from forwarder import forwarding
from shard_server import serving

from asterism.adapters.aws.log import KinesisLog
from asterism.conform.log import check_same, offsets, read_all
from asterism.errors import LogError, UsageError
from asterism.ports.log import Entry

WEEK = timedelta(days=7)


@pytest.fixture
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


@pytest.fixture
def name(aws):
    return f"log-{uuid4().hex}"


def test_frames_that_kinesis_turns_away_are_put_again_in_the_order_of_their_keys(aws, name):
    asked = []

    def let(target, body, carry):
        if "PutRecords" not in target:
            return carry(body)
        records = json.loads(body)["Records"]
        asked.append(records)
        taken = records if len(asked) > 4 else records[::2]  # the first few times, every second one is turned away
        answered = json.loads(carry(json.dumps({**json.loads(body), "Records": taken}).encode()))["Records"]
        told = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
        results = [answered.pop(0) if each in taken else told for each in records]
        return json.dumps({"FailedRecordCount": len(records) - len(taken), "Records": results}).encode()

    entries = [Entry(f"r{n}", f"k{n % 40}", b"x" * 90_000) for n in range(400)]
    KinesisLog(f"kinesis://{name}?shards=2").append("s", entries[:1], WEEK)
    with forwarding(aws["AWS_ENDPOINT_URL"], let) as way:
        log = KinesisLog(f"kinesis://{name}?endpoint={way}")
        assert log.append("s", entries[1:], WEEK) == [True] * 399
    assert len(asked) > 5
    check_same(read_all(log := KinesisLog(f"kinesis://{name}"), "s"), entries)
    assert {each["PartitionKey"] for each in asked[0]} != {each["PartitionKey"] for each in asked[-1]}
    log.close()


def test_what_kinesis_goes_on_turning_away_is_told(aws, name):
    def let(target, body, carry):
        if "PutRecords" in target:
            failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}
            return json.dumps({"FailedRecordCount": 1, "Records": [failed]}).encode()
        return carry(body)

    KinesisLog(f"kinesis://{name}").append("s", [Entry("a", "", b"1")], WEEK)
    with forwarding(aws["AWS_ENDPOINT_URL"], let) as way, pytest.raises(LogError, match=r"takes no more.*\n.*shards"):
        KinesisLog(f"kinesis://{name}?endpoint={way}", patience=0.1).append("s", [Entry("b", "", b"1")], WEEK)


def test_parents_are_read_to_their_ends_before_their_children(credentials):
    with serving() as (url, stream):
        uri = f"kinesis://shop?region=eu-west-2&endpoint={url}"
        log = KinesisLog(uri)
        parts = [[Entry(f"{part}{n}", f"k{n % 9}", b"1") for n in range(90)] for part in "abcd"]
        for part, reshard in zip(parts, (stream.split, stream.split, stream.merge, stream.split), strict=True):
            log.append("s", part, WEEK)
            reshard()
        for limit in (37, 1_000):
            check_same(read_all(KinesisLog(uri), "s", limit), [entry for part in parts for entry in part])
        reached: dict[str, int] = {}
        for part in parts[:2]:  # each time one who has read nothing, and knows only how far another came
            found = KinesisLog(uri).read("s", "c", reached, 1_000)
            check_same(found, part)
            reached = offsets(found, reached)
        assert dict(log.standing("s").end).keys() >= reached.keys()
        stream.forget(0)
        check_same(read_all(KinesisLog(uri), "s"), [entry for part in parts[1:] for entry in part])


def test_bodies_are_read_piece_by_piece(credentials):
    with serving() as (url, _):
        log = KinesisLog(f"kinesis://shop?region=eu-west-2&endpoint={url}")
        entries = [Entry(f"r{n}", "k", b"%d" % (n % 10) * 900_000) for n in range(30)]
        for entry in entries:
            log.append("s", [entry], WEEK)
        found, reached = [], {}
        while page := log.read("s", "c", reached, 10_000):
            assert sum(len(each.body) for each in page) <= 5_000_000
            found += page
            reached = offsets(page, reached)
        check_same(found, entries)


def test_a_record_that_is_too_large_is_refused_and_nothing_of_its_append_stands(aws, name):
    log = KinesisLog(f"kinesis://{name}")
    log.append("s", [Entry("a", "", b"1")], WEEK)
    with pytest.raises(LogError, match="more than Kinesis takes, a megabyte"):
        log.append("s", [Entry("b", "", b"1"), Entry("c", "", b"x" * 1_100_000)], WEEK)
    assert [each.id for each in read_all(log, "s")] == ["a"]


def test_records_that_others_put_are_read_with_an_id_of_their_place(aws, name):
    log = KinesisLog(f"kinesis://{name}?shards=1")
    log.append("s", [Entry("a", "k", b'{"n":1}')], WEEK)
    client = boto3.client("kinesis")
    for body in (b'{\n  "n": 2\n}', b"not JSON"):
        client.put_record(StreamName=f"{name}-s", Data=body, PartitionKey="theirs")
    first, second, third = read_all(log, "s")
    assert (first.id, second.key, second.body, third.body) == ("a", "theirs", b'{"n":2}', b'"not JSON"')
    assert second.id.startswith("shardId-")
    assert second.id != third.id


def test_what_was_erased_is_read_by_nobody(aws, name):
    log = KinesisLog(f"kinesis://{name}?positions={name}&shards=1")
    longest = "字" * 500  # as long as the door lets an id be
    log.append("s", [*(Entry(f"r{n}", "k", b"1") for n in range(6)), Entry(longest, "k", b"1")], WEEK)
    log.erase("s", ["r1", "r4", "r5", "r5", longest])
    other = KinesisLog(f"kinesis://{name}?positions={name}")
    for each in (log, other):
        assert [found.id for found in read_all(each, "s", limit=1)] == ["r0", "r2", "r3"]


def test_positions_stay_in_their_table_and_else_as_long_as_the_object(aws, name):
    for uri, keeps in ((f"kinesis://{name}?positions={name}", True), (f"kinesis://{name}", False)):
        log = KinesisLog(uri)
        log.append("s", [Entry("a", "k", b"1")], WEEK)
        end = log.standing("s").end
        log.commit("s", "c", end)
        assert dict(log.standing("s").committed) == {"c": dict(end)}
        assert bool(KinesisLog(uri).standing("s").committed) is keeps


def test_an_option_that_is_not_known_is_refused():
    with pytest.raises(UsageError, match="no option 'shard'"):
        KinesisLog("kinesis://s?shard=2")
