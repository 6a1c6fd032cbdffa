from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Served


def events(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    """The next events of a stream: their id, name and data. Comments are passed over."""
    found: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name in {"id", "event", "data"}:
            event[name] = json.loads(value) if name == "data" else value
        elif not line and "data" in event:
            found.append(event)
            event = {}
        if len(found) == count:
            return found
    raise AssertionError(f"the stream ended after {found}")


def test_states_come_page_by_page_in_the_order_of_keys(served: Served) -> None:
    served.states.set(*((f"door-{number}", b'{"count":%d}' % number) for number in range(5)))
    read = served.token("read")
    first = served.client.get("/views/occupancy?limit=2", headers=read).json()
    assert first["items"] == [{"key": "door-0", "value": {"count": 0}}, {"key": "door-1", "value": {"count": 1}}]
    keys, after = [], ""
    while after is not None:
        page = served.client.get("/views/occupancy", params={"limit": 2, "after": after}, headers=read).json()
        keys += [item["key"] for item in page["items"]]
        after = page["next"]
    assert keys == [f"door-{number}" for number in range(5)]
    assert served.client.get("/views/occupancy?limit=5", headers=read).json()["next"] is None


def test_an_empty_view_has_no_items(served: Served) -> None:
    answer = served.client.get("/views/occupancy", headers=served.token("read"))
    assert answer.json() == {"items": [], "next": None}


def test_one_key_is_found_however_it_is_spelled(served: Served) -> None:
    read = served.token("read")
    for key in ("door-3", "a/b", "ä ö", "changes", "a//b", "x?y#z", "%41"):
        served.states.set((key, b'{"count":3}'))
        answer = served.client.get("/views/occupancy", params={"key": key}, headers=read)
        assert answer.json()["items"] == [{"key": key, "value": {"count": 3}}]
        if key != "changes":
            spelled = httpx.QueryParams({"k": key})
            path = str(spelled)[2:].replace("+", "%20")
            answer = served.client.get(f"/views/occupancy/{path}", headers=read)
            assert answer.json() == {"key": key, "value": {"count": 3}}
    assert served.client.get("/views/occupancy/door-4", headers=read).status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=nonsense", "after=%00", "after=WzFd"])
def test_parameters_that_make_no_sense_are_refused(served: Served, query: str) -> None:
    answer = served.client.get(f"/views/occupancy?{query}", headers=served.token("read"))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_views_ask_for_the_scope_read(served: Served) -> None:
    for path in ("/views/occupancy", "/views/occupancy/x", "/views/occupancy/changes", "/views/none"):
        assert served.client.get(path).status_code == 401
        answer = served.client.get(path, headers=served.token("ingest:*", "sql"))
        assert answer.status_code == 403
        assert 'scope="read"' in answer.headers["www-authenticate"]


def test_an_unknown_view_is_told_with_the_nearest_name(served: Served) -> None:
    read = served.token("read")
    for path in ("/views/ocupancy", "/views/ocupancy/x", "/views/ocupancy/changes"):
        answer = served.client.get(path, headers=read)
        assert answer.status_code == 404
        assert "Did you mean occupancy?" in answer.json()["detail"]


@pytest.mark.parametrize("accept", [True, False])
def test_changes_come_as_they_are_made(served: Served, accept: bool) -> None:
    served.states.set(("a", b'{"count":1}'), ("b", b'{"count":1}'))
    headers = served.token("read") | ({"Accept": "text/event-stream"} if accept else {})
    path = "/views/occupancy" if accept else "/views/occupancy/changes"
    with served.client.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        first, second = events(lines, 2)
        assert {first["data"]["key"], second["data"]["key"]} == {"a", "b"}
        assert "id" not in first  # resuming in the middle of a version repeats it
        assert second["id"] == "1"
        served.states.set(("a", b'{"count":2}', "2019-08-05T14:00:00Z"))
        data = {"key": "a", "window": "2019-08-05T14:00:00Z", "value": {"count": 2}}
        assert events(lines, 1) == [{"id": "2", "data": data}]
        served.states.drop("b")
        assert events(lines, 1) == [{"id": "3", "event": "drop", "data": {"key": "b"}}]


def test_a_stream_goes_on_after_the_last_event_that_was_seen(served: Served) -> None:
    for number in range(1, 6):
        served.states.set((f"door-{number}", b"{}"))
    headers = served.token("read") | {"Last-Event-ID": "3"}
    with served.client.stream("GET", "/views/occupancy/changes", headers=headers) as answer:
        assert [each["id"] for each in events(answer.iter_lines(), 2)] == ["4", "5"]
    for wrong in ("x", "-1", "9" * 40, "1.5"):
        answer = served.client.get("/views/occupancy/changes", headers=headers | {"Last-Event-ID": wrong})
        assert answer.status_code == 400


def test_states_that_were_made_anew_are_told_from_the_beginning(served: Served) -> None:
    served.states.set(("a", b"{}"))
    headers = served.token("read") | {"Last-Event-ID": "70"}
    with served.client.stream("GET", "/views/occupancy/changes", headers=headers) as answer:
        assert events(answer.iter_lines(), 1)[0]["data"]["key"] == "a"


def test_a_stream_ends_when_its_token_is_revoked(served: Served) -> None:
    text, token = served.tokens.create(("read",))
    headers = {"Authorization": f"Bearer {text}"}
    with served.client.stream("GET", "/views/occupancy/changes", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"
        served.tokens.revoke(token.id)
        stop = threading.Event()

        def change() -> None:
            while not stop.wait(0.05):
                served.states.set(("a", b"{}"))

        changing = threading.Thread(target=change)
        changing.start()
        try:
            assert list(lines) is not None  # it ends
        finally:
            stop.set()
            changing.join()


def test_a_silent_stream_says_that_it_lives(serve: Callable[..., Served]) -> None:
    served = serve(heartbeat=0.05)
    with served.client.stream("GET", "/views/occupancy/changes", headers=served.token("read")) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(6)][2::2] == [": nothing new", ": nothing new"]


def test_a_follower_that_takes_nothing_costs_no_memory(served: Served) -> None:
    headers = served.token("read")
    big = b'{"text":"%b"}' % (b"x" * 100_000)
    with served.client.stream("GET", "/views/occupancy/changes", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"
        for _ in range(500):
            served.states.set(("a", big))
            time.sleep(0.001)
        served.states.set(("a", b'{"last":true}'))
        seen = 0
        for line in lines:
            seen += line.startswith("data")
            if "last" in line:
                break
        assert seen < 500  # what it was too slow for, it was not told


def test_a_server_that_stops_ends_its_streams(served: Served) -> None:
    with served.client.stream("GET", "/views/occupancy/changes", headers=served.token("read")) as answer:
        lines = answer.iter_lines()
        next(lines)
        served.stop()
        list(lines)
