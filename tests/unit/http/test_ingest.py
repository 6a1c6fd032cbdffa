from __future__ import annotations

import gzip
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
import zstandard

if TYPE_CHECKING:
    from conftest import Served

GOOD = {"service": "door-3", "event": 1, "eventTime": "2019-08-05T14:02:11"}
BAD = {"service": "door-3", "event": 7, "eventTime": "2019-08-05T14:02:11"}


def post(served: Served, content: bytes | str, stream: str = "anything", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return served.client.post(f"/streams/{stream}", content=content, headers=named)


def quarantined(served: Served) -> list[dict[str, Any]]:
    return [json.loads(body) for body in served.log.bodies("_quarantine")]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    details = answer.json()
    assert details["status"] == status
    assert details["title"]
    return details


def test_an_object_is_accepted_under_an_id_given_at_the_door(served: Served) -> None:
    answer = post(served, b'{"a": 1}', content_type="application/json")
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted == {"accepted": 1, "duplicates": 0, "ids": accepted["ids"], "refused": []}
    (entry,) = served.log.streams["anything"]
    assert entry.id == accepted["ids"][0]
    assert uuid.UUID(entry.id).version == 7
    assert not entry.given
    assert entry.body == b'{"a": 1}'


def test_ids_given_at_the_door_follow_time_and_never_repeat(served: Served) -> None:
    lines = b"\n".join(b"%d" % number for number in range(5_000))
    ids = post(served, lines, content_type="application/x-ndjson").json()["ids"]
    ids += post(served, lines, content_type="application/x-ndjson").json()["ids"]
    assert ids == sorted(ids)
    assert len({*ids}) == 10_000


def test_an_array_is_several_records(served: Served) -> None:
    answer = post(served, b' \n[{"a":1}, {"a":\n2}, "x", null, [3]]')
    assert answer.json()["accepted"] == 5
    assert served.log.bodies("anything") == [b'{"a":1}', b'{"a":2}', b'"x"', b"null", b"[3]"]


@pytest.mark.parametrize(
    "kind", ["application/x-ndjson", "application/jsonl; charset=utf-8", "application/json", "text/plain", ""]
)
def test_lines_are_several_records_under_any_content_type(served: Served, kind: str) -> None:
    answer = post(served, b'{"a":1}\r\n{"a":2}\n\n  \n{"a":3}', content_type=kind)
    assert answer.json()["accepted"] == 3
    assert served.log.bodies("anything") == [b'{"a":1}', b'{"a":2}', b'{"a":3}']


def test_an_object_over_several_lines_is_one_record_on_one_line(served: Served) -> None:
    assert post(served, b'\xef\xbb\xbf{\n "a": "x y",\n "b": [1,\n2]\n}').json()["accepted"] == 1
    (body,) = served.log.bodies("anything")
    assert json.loads(body) == {"a": "x y", "b": [1, 2]}
    assert b"\n" not in body


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("GZIP", gzip.compress), ("zstd", zstandard.compress)]
)
def test_packed_bodies_are_unpacked(served: Served, name: str, pack: Callable[[bytes], bytes]) -> None:
    lines = b"".join(b'{"n":%d}\n' % number for number in range(1000))
    answer = post(served, pack(lines), content_encoding=name, content_type="application/x-ndjson")
    assert answer.json()["accepted"] == 1000


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_parts_of_a_packed_body_follow_one_another(served: Served, name: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b'{"a":1}\n') + pack(b'{"a":2}\n')
    assert post(served, packed, content_encoding=name).json()["accepted"] == 2


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("how", ["truncated", "junk", "swapped", "empty"])
def test_a_damaged_pack_is_refused_and_kept(served: Served, name: str, how: str) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress}
    whole = pack[name](b"".join(b'{"n":%d}\n' % number for number in range(100_000)))
    other = pack["zstd" if name == "gzip" else "gzip"](b"{}")
    body = {"truncated": whole[:-9], "junk": b"nothing of the kind", "swapped": other, "empty": b""}[how]
    answer = post(served, body, content_encoding=name)
    if how == "empty":
        assert problem(answer, 400)["title"] in {"Empty request", "Malformed body"}
        return
    assert problem(answer, 400)["title"] == "Malformed body"
    assert name in answer.json()["refused"][0]["reason"]
    (kept,) = quarantined(served)
    assert kept["encoding"] == "base64" or how == "junk"
    assert served.log.bodies("anything") == []


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_bomb_is_refused_before_it_unfolds(serve: Callable[..., Served], name: str) -> None:
    served = serve(body_limit=1_000_000)
    pack = gzip.compress if name == "gzip" else zstandard.compress
    bomb = pack(b"[" + b"0," * 50_000_000 + b"0]")
    assert len(bomb) < 1_000_000
    problem(post(served, bomb, content_encoding=name), 413)
    assert post(served, pack(b'{"a":1}'), content_encoding=name).status_code == 202


def test_an_unknown_content_encoding_is_refused(served: Served) -> None:
    answer = post(served, b"{}", content_encoding="br")
    problem(answer, 415)
    assert "gzip" in answer.headers["accept-encoding"]
    assert post(served, b"{}", content_encoding="identity").status_code == 202


def test_a_body_beyond_the_limit_is_refused_however_it_is_sent(serve: Callable[..., Served]) -> None:
    served = serve(body_limit=1000)
    assert post(served, b'"' + b"x" * 998 + b'"').status_code == 202
    problem(post(served, b'"' + b"x" * 999 + b'"'), 413)
    problem(served.client.post("/streams/anything", content=iter([b'"' + b"x" * 900, b"x" * 900 + b'"'])), 413)


def test_too_many_records_of_a_request_are_refused(served: Served) -> None:
    problem(post(served, b"1\n" * 100_001, content_type="application/x-ndjson"), 413)
    problem(post(served, b"[" + b"1," * 100_001 + b"1]"), 413)
    assert served.log.bodies("anything") == []


@pytest.mark.parametrize("body", [b"", b"   \n", b"[]", b" [ ] ", b"\xef\xbb\xbf"])
def test_an_empty_request_says_so(served: Served, body: bytes) -> None:
    assert problem(post(served, body), 400)["title"] == "Empty request"
    assert quarantined(served) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":',
        b"nonsense",
        b"{'a': 1}",
        b'{"a":1}}',
        b'[{"a":1},',
        b'{"a":"\xff\xfe"}',
        b"\x00\x01\x02",
        b'{\n "a": 1,\n "b": \n}',
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 50_000,
        b"NaN",
        b"01",
    ],
)
def test_malformed_json_is_refused_said_and_kept(served: Served, body: bytes) -> None:
    details = problem(post(served, body), 400)
    assert details["title"] == "Malformed JSON"
    assert details["refused"][0]["index"] == 0
    assert details["refused"][0]["reason"]
    (kept,) = quarantined(served)
    assert kept["stream"] == "anything"
    assert msgspec.json.decode(msgspec.json.encode(kept))["reason"] == details["refused"][0]["reason"]
    assert served.log.bodies("anything") == []


@pytest.mark.parametrize("body", [b"1" * 400, b"1e999999", b"-0", b'{"a":' + b"9" * 5_000 + b"}", b'"\\ud83d\\ude00"'])
def test_strange_numbers_and_texts_never_fault_the_server(served: Served, body: bytes) -> None:
    assert post(served, body).status_code in {202, 400}
    assert post(served, b"{}").status_code == 202


def test_one_bad_record_does_not_stop_its_batch(served: Served) -> None:
    headers = served.token("ingest:accesses")
    answer = served.client.post("/streams/accesses", json=[GOOD, BAD, GOOD, {"event": 1}], headers=headers)
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted["accepted"] == len(accepted["ids"]) == 2
    assert [each["index"] for each in accepted["refused"]] == [1, 3]
    assert "$.event" in accepted["refused"][0]["reason"]
    assert [json.loads(each["body"]) for each in quarantined(served)] == [BAD, {"event": 1}]
    assert [entry.key for entry in served.log.streams["accesses"]] == ["door-3", "door-3"]


def test_a_request_without_any_good_record_is_refused_and_kept(served: Served) -> None:
    answer = served.client.post("/streams/accesses", json=[BAD], headers=served.token("ingest:*"))
    details = problem(answer, 400)
    assert details["accepted"] == 0
    assert details["refused"] == [{"index": 0, "reason": quarantined(served)[0]["reason"]}]


def test_a_malformed_line_is_refused_alone(served: Served) -> None:
    answer = post(served, b'{"a":1}\n{"a":\n{"a":3}\n\xff\n', content_type="application/x-ndjson")
    assert answer.json()["accepted"] == 2
    assert [each["index"] for each in answer.json()["refused"]] == [1, 3]
    assert problem(post(served, b'["\xff"]'), 400)["refused"][0]["index"] == 0


def test_what_is_sent_again_under_its_key_is_taken_once(served: Served) -> None:
    first = post(served, b'{"a":1}', idempotency_key="order-1")
    again = post(served, b'{"a":1}', idempotency_key='"order-1"')
    assert first.json() == {"accepted": 1, "duplicates": 0, "ids": ["order-1"], "refused": []}
    assert again.status_code == 202
    assert again.json() == {"accepted": 1, "duplicates": 1, "ids": ["order-1"], "refused": []}
    assert served.log.ids("anything") == ["order-1"]


def test_several_records_of_a_key_are_numbered_by_their_places(served: Served) -> None:
    headers = served.token("ingest:accesses") | {"Idempotency-Key": "k"}
    for duplicates in (0, 2):
        answer = served.client.post("/streams/accesses", json=[GOOD, BAD, GOOD], headers=headers)
        assert answer.json()["ids"] == ["k/0", "k/2"]
        assert answer.json()["duplicates"] == duplicates
    assert len(quarantined(served)) == 1  # it has an id as well, so it is set aside once
    assert post(served, b"[{}]", idempotency_key="one").json()["ids"] == ["one/0"]


def test_a_key_without_end_is_refused(served: Served) -> None:
    problem(post(served, b"{}", idempotency_key="x" * 256), 400)


def test_a_record_that_says_its_id_goes_by_it(served: Served) -> None:
    headers = served.token("ingest:orders") | {"Idempotency-Key": "other"}
    orders = [{"number": "A1"}, {"number": "A2", "total": 3}, {"number": "A1"}]
    answer = served.client.post("/streams/orders", json=orders, headers=headers)
    assert answer.json()["ids"] == ["A1", "A2", "A1"]
    assert answer.json()["duplicates"] == 1
    unknown = served.client.post("/streams/orders", json={"number": "A3", "color": "red"}, headers=headers)
    assert "color" in problem(unknown, 400)["refused"][0]["reason"]
    long = served.client.post("/streams/orders", json={"number": "x" * 501}, headers=headers)
    assert "longer" in problem(long, 400)["refused"][0]["reason"]


def test_a_structured_cloud_event_is_its_data_under_its_source_and_id(served: Served) -> None:
    event = {"specversion": "1.0", "type": "t", "source": "/doors", "id": "7", "data": {"a": 1}, "extension": "x"}
    kind = "application/cloudevents+json; charset=UTF-8"
    for duplicates in (0, 1):
        answer = post(served, json.dumps(event), content_type=kind)
        assert answer.json() == {"accepted": 1, "duplicates": duplicates, "ids": ["/doors/7"], "refused": []}
    assert [json.loads(body) for body in served.log.bodies("anything")] == [{"a": 1}]
    packed = {key: value for key, value in event.items() if key != "data"} | {"id": "8", "data_base64": "eyJiIjoyfQ=="}
    assert post(served, json.dumps(packed), content_type=kind).status_code == 202
    assert served.log.bodies("anything")[1] == b'{"b":2}'


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"source": None}, {"specversion": "0.3"}, {"data": ...}, {"id": "\0"}, {"data_base64": "%"}]
)
def test_a_cloud_event_that_is_none_is_refused(served: Served, change: dict[str, Any]) -> None:
    event: dict[str, Any] = {"specversion": "1.0", "type": "t", "source": "s", "id": "1", "data": {}} | change
    event = {key: value for key, value in event.items() if value is not ...}
    if "data_base64" in change:
        del event["data"]
    answer = post(served, json.dumps(event), content_type="application/cloudevents+json")
    assert "CloudEvent" in problem(answer, 400)["refused"][0]["reason"]
    assert len(quarantined(served)) == 1


def test_a_batch_of_cloud_events_is_several_records(served: Served) -> None:
    head = {"specversion": "1.0", "type": "t", "source": "s"}
    events = [head | {"id": "1", "data": 1}, head, head | {"id": "2", "data": 2}]
    answer = post(served, json.dumps(events), content_type="application/cloudevents-batch+json")
    assert answer.json()["ids"] == ["s/1", "s/2"]
    assert [each["index"] for each in answer.json()["refused"]] == [1]


def test_a_binary_cloud_event_has_its_attributes_in_headers(served: Served) -> None:
    attributes = {"ce_specversion": "1.0", "ce_type": "t", "ce_source": "/a%20b", "ce_id": "%C3%A4"}
    answer = post(served, b"[1, 2]", content_type="application/json", **attributes)
    assert answer.json()["ids"] == ["/a b/ä"]
    assert served.log.bodies("anything") == [b"[1, 2]"]
    del attributes["ce_id"]
    problem(post(served, b"1", content_type="application/json", **attributes), 400)


def test_a_closed_stream_asks_for_a_token_with_its_scope(served: Served) -> None:
    body = json.dumps(GOOD)
    details = post(served, body, "accesses")
    assert "asterism token create" in problem(details, 401)["detail"]
    assert details.headers["www-authenticate"].startswith("Bearer")
    wrong = post(served, body, "accesses", authorization="Bearer ast_0123456789_" + "x" * 43)
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    problem(wrong, 401)
    for given in ("Basic dXNlcjpwYXNz", "Bearer", "bearer x", "Bearer ast__", "x" * 5000):
        problem(post(served, body, "accesses", authorization=given), 401)
    assert served.client.post("/streams/accesses", headers=[(b"Authorization", b"Bearer \xe4")]).status_code == 401
    narrow = served.client.post("/streams/accesses", json=GOOD, headers=served.token("ingest:orders", "read"))
    assert 'scope="ingest:accesses"' in narrow.headers["www-authenticate"]
    problem(narrow, 403)
    for scope in ("ingest:accesses", "ingest:*", "admin"):
        assert served.client.post("/streams/accesses", json=GOOD, headers=served.token(scope)).status_code == 202


def test_a_revoked_token_opens_nothing_within_a_second(served: Served) -> None:
    text, token = served.tokens.create(("ingest:*",))
    assert post(served, json.dumps(GOOD), "accesses", authorization=f"Bearer {text}").status_code == 202
    served.tokens.revoke(token.id)
    until = time.monotonic() + 120
    while post(served, json.dumps(GOOD), "accesses", authorization=f"Bearer {text}").status_code != 401:
        assert time.monotonic() < until


def test_an_unknown_stream_is_told_with_the_nearest_name(served: Served) -> None:
    assert "Did you mean accesses?" in problem(post(served, b"{}", "acceses"), 404)["detail"]
    for name in ("_quarantine", "", "a/b", "%00", "x" * 5000):
        problem(post(served, b"{}", name), 404)


def test_other_methods_are_refused(served: Served) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = served.client.request(method, "/streams/anything")
        assert "POST" in answer.headers["allow"]
        problem(answer, 405)


def test_a_client_that_comes_too_often_is_told_when_to_come_again(serve: Callable[..., Served]) -> None:
    served = serve(rate_limit=5)
    codes = [post(served, b"{}").status_code for _ in range(100)]
    assert codes[:5] == [202] * 5
    assert 429 in codes
    refused = next(a for a in iter(lambda: post(served, b"{}"), None) if a.status_code == 429)
    problem(refused, 429)
    assert int(refused.headers["retry-after"]) >= 1
    # Another client is not held up by this one.
    assert served.client.post("/streams/accesses", json=GOOD, headers=served.token("ingest:*")).status_code == 202


def test_a_log_that_takes_nothing_is_never_answered_with_202(served: Served) -> None:
    served.log.down = True
    for body in (b"{}", b"[1,2]", b"nonsense"):
        answer = post(served, body)
        problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert "disk" not in answer.text  # what our machine lacks is not the client's business
    served.log.down = False
    assert post(served, b"{}").status_code == 202


def test_large_bodies_are_taken_whole(served: Served) -> None:
    lines = b"\n".join(b'{"n":%d,"text":"%b"}' % (number, b"x" * 50) for number in range(20_000))
    assert post(served, lines, content_type="application/x-ndjson").json()["accepted"] == 20_000
    chunks = [lines[place : place + 10_000] for place in range(0, len(lines), 10_000)]
    answer = served.client.post("/streams/anything", content=iter(chunks))
    assert answer.json()["accepted"] == 20_000
    assert served.log.bodies("anything") == lines.split(b"\n") * 2


def test_no_answer_is_kept_framed_or_taken_for_something_else(served: Served) -> None:
    for answer in (post(served, b"{}"), post(served, b""), served.client.get("/health"), served.client.get("/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert not re.search("python|litestar", str(answer.headers), re.IGNORECASE)
