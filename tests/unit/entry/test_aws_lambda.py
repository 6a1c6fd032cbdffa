"""Events of AWS become the verbs of `asterism run`, each failure told by item."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
import shapes
from story.clouds import move_to_aws
from story.house import House

from asterism.adapters.aws.frames import frames
from asterism.entry import aws_lambda
from asterism.entry.aws_lambda import handler, site
from asterism.errors import UsageError
from asterism.ports.log import Entry, Logged
from asterism.run.records import landed
from asterism.run.tokens import Tokens

MORE = """
from asterism.sources import Sns

platform.endpoint(Sns(topics=["arn:aws:sns:eu-west-2:123456789012:users"]), into=users)


class Place(Record):
    descriptions: int = 0


@platform.view(users, key="zip_code")
def places(state: Place, user: User) -> Place:
    if user.last_name == "Stop":
        raise ValueError("stop here")
    return Place(descriptions=state.descriptions + 1)


@platform.view(users, key="last_name", after=users.table)
def stored(state: Place, user: User) -> Place:
    return Place(descriptions=state.descriptions + 1)
"""
FILES = """
from asterism.sources import Files

platform.pull(Files("s3://BUCKET/in", pattern="*.ndjson", key=["id"]), into="deliveries", every="1h")
"""


class Context:
    """What Lambda hands over beside the event."""

    left = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture(scope="module")
def house(aws, tmp_path_factory):
    made = House.of("user_data", tmp_path_factory.mktemp("entry"))
    move_to_aws(made, aws)
    text = (made.root / "platform.py").read_text() + MORE + FILES.replace("BUCKET", made.environment["BUCKET"])
    (made.root / "platform.py").write_text(text)
    return made


@pytest.fixture(scope="module")
def function(house, tmp_path_factory):
    """The environment of a function; what it makes of itself lasts as long as the tests of this file."""
    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASTERISM_PROJECT", str(house.root))
        patch.setenv("ASTERISM_STAGE", house.stage)
        patch.setenv("ASTERISM_SCRATCH", str(scratch))
        yield scratch
        if aws_lambda._door.cache_info().currsize:
            aws_lambda._door().close()
        if site.cache_info().currsize:
            site().wiring.__exit__(None, None, None)
        for each in (site, aws_lambda._door, aws_lambda._deliveries):
            each.cache_clear()


def rows(sql: str) -> list[tuple]:
    return site().desk.warehouse.session.rows(sql)


def consume(monkeypatch, consumers: str, stream: str, context=None) -> list[str]:
    """Have consumers woken by the records that Kinesis holds; answer what is to be sent again."""
    monkeypatch.setenv("ASTERISM_CONSUMER", consumers)
    log = site().wiring.log()
    found = log.read(stream, f"test-{uuid4().hex}", {}, 10_000)
    put = [(each.partition, str(each.position >> 16)[1:], each.body) for each in found]
    answer = handler(shapes.records(f"x-{stream}", put), context or Context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_requests_are_answered_and_what_they_bring_goes_through_all_functions(function, house, monkeypatch):
    token, _ = Tokens(Path(function)).create(("admin",))
    bearer = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    ana = {"first_name": "Ana", "zip_code": "02169"}
    assert handler(shapes.request("POST", "/streams/raw-users", ana))["statusCode"] == 401
    answer = handler(
        shapes.request("POST", "/prod/streams/raw-users", [ana, {"x": 1}], stage="prod", **bearer), Context()
    )
    assert answer["statusCode"] == 202, answer
    first, second = json.loads(base64.b64decode(answer["body"]))["ids"]
    assert consume(monkeypatch, "transform-extract", "raw-users") == []
    for _ in range(2):  # the same event again changes nothing
        assert consume(monkeypatch, "warehouse", "raw-users") == []
        assert consume(monkeypatch, "view-places", "users") == []
    assert rows("SELECT _id, first_name FROM streams.users") == [(f"extract/{first}/0", "Ana")]
    assert rows("SELECT record_id FROM streams._quarantine") == [(second,)]
    view = handler(shapes.request("GET", "/views/places/02169", **bearer))
    assert json.loads(base64.b64decode(view["body"]))["value"] == {"descriptions": 1}
    found = handler(shapes.request("GET", "/queries/users_by_zip_code", **bearer))
    assert json.loads(base64.b64decode(found["body"])), found
    assert handler(shapes.request("GET", "/nothing", **bearer))["statusCode"] == 404


def test_messages_of_a_queue_fail_one_by_one(function, monkeypatch):
    monkeypatch.setenv("ASTERISM_STREAM", "users")
    answer = handler(shapes.messages(['{"last_name": "Queued"}', "not JSON"]))
    assert answer == {"batchItemFailures": []}
    answer = handler(shapes.messages(['{"last_name": "Lost"}'], stream="nowhere"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    handler(shapes.messages(['{"last_name": "Queued"}']))  # the same message once more
    assert consume(monkeypatch, "warehouse", "users") == []
    assert rows("SELECT _id, last_name FROM streams.users WHERE last_name = 'Queued'") == [("m0", "Queued")]
    assert rows("SELECT place FROM streams._quarantine WHERE body = 'not JSON'") == [("sqs",)]


def test_a_topics_messages_go_to_its_endpoints_stream_also_by_way_of_a_queue(function, monkeypatch):
    topic = "arn:aws:sns:eu-west-2:123456789012:users"
    event = shapes.notification(topic, '{"last_name": "Told"}', "n1")
    handler(event)
    handler(shapes.messages([json.dumps(event["Records"][0]["Sns"])]))
    consume(monkeypatch, "warehouse", "users")
    assert rows("SELECT _id FROM streams.users WHERE last_name = 'Told'") == [("n1",)]


def test_objects_that_appear_are_pulled(function, house):
    bucket = house.environment["BUCKET"]
    client = boto3.client("s3")
    client.put_object(Bucket=bucket, Key="in/a b.ndjson", Body=b'{"id": 1}\n{"id": 2}\n')
    assert handler(shapes.objects(bucket, "elsewhere/x.ndjson")) == []
    (done,) = handler(shapes.objects(bucket, "in/a+b.ndjson"))
    assert done["rows"] == 2
    client.put_object(Bucket=bucket, Key="in/c.ndjson", Body=b'{"id": 3}\n')
    told = {"source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": "in/c.ndjson"}}}  # fmt: skip
    assert [each["rows"] for each in handler(told)] == [1]
    assert [each["rows"] for each in handler(shapes.scheduled())] == [0]


@pytest.mark.parametrize("verb", ["pull", "upkeep", "watch", "refresh"])
def test_the_clock_calls_for_verbs(function, verb):
    handler(shapes.clock(verb))


def test_a_view_that_stands_still_is_told_by_the_record_at_which_it_stands(function, monkeypatch):
    stream = site().shape("users")
    for name in ("Before", "Stop", "After"):
        handler(shapes.messages([json.dumps({"last_name": name, "zip_code": "1"})], stream=stream.stream.name, id=name))
    log = site().wiring.log()
    wanted = [each for each in log.read("users", "look", {}, 10_000) if each.id == "Stop"]
    assert consume(monkeypatch, "view-places", "users") == [str(wanted[0].position >> 16)[1:]]
    assert consume(monkeypatch, "warehouse", "users") == []


def test_a_view_that_is_woken_before_its_table_is_written_is_called_again(function, monkeypatch):
    monkeypatch.setattr("asterism.entry.site._WRITING", 0.2)
    handler(shapes.messages(['{"last_name": "Waits"}'], stream="users", id="waits"))
    assert len(consume(monkeypatch, "view-stored", "users")) == 1
    assert consume(monkeypatch, "warehouse", "users") == []
    assert consume(monkeypatch, "view-stored", "users") == []
    kept = site().wiring.states().get("stored", {("Waits", "")})
    assert [each.value for each in kept.values()] == [b'{"descriptions":1}']


def test_what_there_was_no_time_for_is_sent_again(function, monkeypatch):
    hurried = Context()
    hurried.left = 5_000
    handler(shapes.messages(['{"zip_code": "1"}'], stream="raw-users", id="late"))
    assert len(consume(monkeypatch, "transform-extract", "raw-users", hurried)) == 1
    assert consume(monkeypatch, "transform-extract", "raw-users") == []


def test_firehose_gets_every_record_back_under_its_id(function, monkeypatch):
    monkeypatch.setenv("ASTERISM_STREAM", "raw-users")
    bodies = [b'{"first_name": "Ana"}', b'{"all": [{"first_name": "B"},\n {"last_name": "C"}]}', b"{", b'{"x": 1}']
    told = handler(shapes.delivery(bodies))["records"]
    assert [(each["recordId"], each["result"]) for each in told] == [
        ("r0", "Ok"), ("r1", "Ok"), ("r2", "ProcessingFailed"), ("r3", "Ok"),
    ]  # fmt: skip
    assert base64.b64decode(told[0]["data"]) == b'{"first_name": "Ana"}\n'
    assert base64.b64decode(told[1]["data"]).count(b"\n") == 1
    assert base64.b64decode(told[2]["data"]) == b"{"
    keys = {"stream": "raw-users", "year": "2026", "month": "03", "day": "01", "hour": "12"}
    assert told[0]["metadata"]["partitionKeys"] == keys
    monkeypatch.setenv("ASTERISM_TRANSFORM", "extract")
    sent = [
        Logged("delivery", 0, f"a{n}", "", 0, body) for n, body in enumerate([bodies[1].replace(b"\n", b""), b"{}"])
    ]
    told = handler(shapes.delivery([*landed(sent).splitlines(), b"{"]))["records"]
    assert [each["result"] for each in told] == ["Ok", "Dropped", "ProcessingFailed"]
    lines = [json.loads(line) for line in base64.b64decode(told[0]["data"]).splitlines()]
    assert [(each["id"], each["record"]["first_name"], each["record"]["last_name"]) for each in lines] == [
        ("extract/a0/0", "B", None), ("extract/a0/1", None, "C"),
    ]  # fmt: skip
    assert told[0]["metadata"]["partitionKeys"]["stream"] == "users"


def test_frames_of_the_log_are_opened_for_firehose(function, monkeypatch):
    monkeypatch.setenv("ASTERISM_STREAM", "raw-users")
    monkeypatch.delenv("ASTERISM_TRANSFORM", raising=False)
    (frame,) = frames([Entry("a", "", b'{"n":1}'), Entry("b", "", b'{"n":2}')])
    (told,) = handler(shapes.delivery([frame]))["records"]
    assert base64.b64decode(told["data"]) == b'{"n":1}\n{"n":2}\n'
    assert frame.splitlines()[1:] == [b'{"n":1}', b'{"n":2}']  # as it would stand in a bucket without a function


def test_a_dead_letter_of_kinesis_has_its_consumers_read_on(function, monkeypatch):
    monkeypatch.setenv("ASTERISM_CONSUMER", "warehouse")
    handler(shapes.messages(['{"last_name": "Missed"}'], stream="users", id="missed"))
    letter = {
        "requestContext": {"requestId": "c9b8fa9f", "condition": "Exhausted"},
        "version": "1.0", "timestamp": "2026-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {"shardId": "shardId-000000000000", "startSequenceNumber": "1", "endSequenceNumber": "2",
                             "batchSize": 2, "streamArn": "arn:aws:kinesis:eu-west-2:123456789012:stream/users"},
    }  # fmt: skip
    assert handler(shapes.messages([json.dumps(letter)])) == {"batchItemFailures": []}
    assert rows("SELECT _id FROM streams.users WHERE last_name = 'Missed'") == [("missed",)]


def letter(payload):
    """As Lambda puts it into a queue when a call has failed for good."""
    return {
        "version": "1.0", "timestamp": "2026-11-14T00:38:06.021Z", "responsePayload": {"errorType": "LogError"},
        "requestContext": {"requestId": "e4b46cbf", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": payload, "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    }  # fmt: skip


def test_a_dead_letter_of_a_call_is_done_after_all_and_one_that_fails_again_stays_by_itself(function, house):
    bucket = house.environment["BUCKET"]
    boto3.client("s3").put_object(Bucket=bucket, Key="in/late.ndjson", Body=b'{"id": 77}\n')
    bodies = [letter(shapes.objects(bucket, "in/late.ndjson")), letter(shapes.clock("reset")), letter({"s3": 1})]
    answer = handler(shapes.messages([json.dumps(each) for each in bodies]))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert rows("SELECT count(*) FROM deliveries.records WHERE id = 77") == [(1,)]


def test_an_event_of_no_known_kind_is_refused(function):
    for event in ({}, {"Records": [{"eventSource": "aws:codecommit"}]}):
        with pytest.raises(UsageError, match="of no known kind"):
            handler(event)
    with pytest.raises(UsageError, match="is none of a function's"):
        handler(shapes.clock("reset"))
