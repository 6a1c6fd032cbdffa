from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asterism.errors import EngineError, UsageError
from asterism.run.control import Server

if TYPE_CHECKING:
    from conftest import Served


class Runs:
    """What `asterism run` does for the server, noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer: Any = {"items": []}
        self.error: Exception | None = None

    def __call__(self, verb: str, arguments: Mapping[str, Any], _progress: object) -> Any:
        self.asked.append((verb, dict(arguments)))
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def runs(served: Served) -> Iterator[Runs]:
    runs = Runs()
    server = Server(Path(served.project.stage.state), runs)
    Path(served.project.stage.state).mkdir(parents=True, exist_ok=True)
    server.start()
    yield runs
    server.close()
    server.wait()


def test_health_needs_no_token(served: Served) -> None:
    assert served.client.get("/health").json() == {"status": "ok"}


def test_readiness_says_why_it_is_not(served: Served) -> None:
    answer = served.client.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "asterism run" in answer.json()["detail"]
    assert "retry-after" in answer.headers


def test_readiness_follows_the_log_and_run(served: Served, runs: Runs) -> None:
    def until(code: int) -> str:
        end = time.monotonic() + 120
        while (answer := served.client.get("/ready")).status_code != code:
            assert time.monotonic() < end
            time.sleep(0.02)
        return str(answer.json())

    assert "ready" in until(200)
    served.log.down = True
    found = until(503)
    assert "log" in found
    assert "disk" not in found


def test_everything_but_health_and_the_description_asks_for_a_token(served: Served) -> None:
    api = served.client.get("/openapi.json").json()
    open_ones = {"/health", "/ready", "/streams/anything"}
    asked = 0
    for path, methods in api["paths"].items():
        for method in methods:
            answer = served.client.request(method, re.sub(r"{\w+}", "x", path))
            if path in open_ones or (path == "/session" and method != "get"):  # where a token is shown
                assert answer.status_code != 401
            else:
                assert answer.status_code == 401, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                asked += 1
    assert asked >= 9


def test_reading_scopes_do_not_open_what_is_for_admins(served: Served) -> None:
    token = served.token("read", "sql", "ingest:*")
    for method, path in (
        ("GET", "/quarantine"), ("GET", "/quarantine/x"), ("POST", "/quarantine/x/replay"), ("DELETE", "/quarantine/x"),
        ("POST", "/simulate/x"),
    ):  # fmt: skip
        assert served.client.request(method, path, headers=token).status_code == 403


def test_unknown_paths_and_methods_are_problems_too(served: Served) -> None:
    for method, path, code in (("GET", "/nothing", 404), ("GET", "/sns/orders", 404), ("PUT", "/health", 405)):
        answer = served.client.request(method, path)
        assert answer.status_code == code
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == code


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("/health", ()), ("/ready", ()), ("/", ()), ("/console/sql", ()), ("/openapi.json", ()), ("/nothing", ()),
        ("/queries", ("read",)), ("/queries/nothing", ("read",)), ("/queries", ("ingest:*",)), ("/queries", ()),
        ("/views/occupancy", ("read",)), ("/views/occupancy/door-1", ("read",)), ("/views/occupancy", ()),
        ("/quarantine", ("read",)), ("/streams/orders", ("ingest:*",)), ("/sql", ("sql",)), ("/sns/orders", ()),
    ],
)  # fmt: skip
def test_head_is_answered_as_get_without_a_body(served: Served, path: str, scopes: tuple[str, ...]) -> None:
    token = served.token(*scopes) if scopes else {}
    shown, told = served.client.get(path, headers=token), served.client.head(path, headers=token)
    assert told.status_code == shown.status_code
    assert told.content == b""
    assert {**told.headers, "date": ""} == {**shown.headers, "date": ""}
    assert served.client.get("/health").json() == {"status": "ok"}  # over the same connection


@pytest.mark.parametrize("path", ["/views/occupancy/changes", "/views/occupancy"])
def test_head_of_what_never_ends_is_answered_at_once_and_leaves_nobody_waiting(served: Served, path: str) -> None:
    headers = {**served.token("read"), "Accept": "text/event-stream"}
    answer = served.client.head(path, headers=headers, timeout=20)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert served.client.get("/health").json() == {"status": "ok"}
    end = time.monotonic() + 20
    while served.server._changes._followers:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_quarantine_is_asked_of_run(served: Served, runs: Runs) -> None:
    admin = served.token("admin")
    assert served.client.get("/quarantine?stream=orders&limit=5", headers=admin).json() == {"items": []}
    served.client.get("/quarantine/7", headers=admin)
    served.client.post("/quarantine/7/replay", headers=admin)
    assert served.client.delete("/quarantine/7", headers=admin).status_code == 200
    assert runs.asked == [
        ("quarantine", {"action": "list", "stream": "orders", "limit": 5}),
        ("quarantine", {"action": "show", "id": "7"}),
        ("quarantine", {"action": "replay", "id": "7"}),
        ("quarantine", {"action": "drop", "id": "7"}),
    ]
    runs.error = UsageError("7", "is not in quarantine", "`asterism quarantine list` shows what is.")
    answer = served.client.get("/quarantine/7", headers=admin)
    assert answer.status_code == 404
    assert "7 is not in quarantine" in answer.json()["detail"]
    runs.error = EngineError("the warehouse", "is down")
    assert served.client.get("/quarantine", headers=admin).status_code == 503


def test_without_run_the_quarantine_is_not_available(served: Served) -> None:
    answer = served.client.get("/quarantine", headers=served.token("admin"))
    assert answer.status_code == 503
    assert "asterism run" in answer.json()["detail"]


def test_a_simulation_is_asked_of_run_and_answers_how_many_ran(served: Served, runs: Runs) -> None:
    admin = served.token("admin")
    runs.answer = {"events": 10}
    body = {"limit": 10, "speedFactor": 120, "project": "p"}
    answer = served.client.post("/simulate/visitors", json=body, headers=admin)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "10 events run"
    assert runs.asked == [("simulate_events", {"name": "visitors", "limit": 10, "speed": 120.0, "seed": 0})]


@pytest.mark.parametrize(
    "body", [{"limit": 0}, {"limit": 100_001}, {"limit": "many"}, {"speedFactor": 0}, {"speedFactor": -1}, [], "x"]
)
def test_a_simulation_has_its_bounds(served: Served, runs: Runs, body: Any) -> None:
    answer = served.client.post("/simulate/visitors", json=body, headers=served.token("admin"))
    assert answer.status_code == 400
    assert runs.asked == []


def test_a_body_that_is_nested_too_deeply_is_no_fault_of_the_server(served: Served, runs: Runs) -> None:
    headers = {**served.token("admin"), "Content-Type": "application/json"}
    answer = served.client.post("/simulate/visitors", content=b"[" * 100_000, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (400, "The body is nested too deeply.")
    assert runs.asked == []


@pytest.mark.parametrize("setting", [{"production": True}, {"simulators": False}])
def test_production_refuses_simulations_clearly(serve: Callable[..., Served], setting: dict[str, bool]) -> None:
    served = serve(**setting)
    answer = served.client.post("/simulate/visitors", json={"limit": 1}, headers=served.token("admin"))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "stage dev" in answer.json()["detail"]


def test_the_description_holds_the_schema_of_each_stream(served: Served) -> None:
    api = served.client.get("/openapi.json").json()
    assert api["openapi"].startswith("3.1")
    operation = api["paths"]["/streams/accesses"]["post"]
    record, several = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert several["items"] == record
    schema = api["components"]["schemas"][record["$ref"].rpartition("/")[2]]
    assert schema["properties"]["event"] == {"enum": [-1, 1]}
    assert schema["required"] == ["service", "event", "eventTime"]
    assert api["paths"]["/streams/anything"]["post"]["security"] == []
    assert {"202", "400", "401", "413", "429", "503"} <= {*operation["responses"]}
    for path in ("/views/{name}", "/views/{name}/changes", "/quarantine", "/simulate/{name}", "/ready"):
        assert path in api["paths"]
    references = re.findall(r'"\$ref": *"#/components/schemas/([^"]+)"', json.dumps(api))
    assert {*references} <= {*api["components"]["schemas"]}


def test_the_page_asks_nothing_of_other_hosts(served: Served) -> None:
    page = served.client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        found = served.client.get(f"/{path}")
        assert found.headers["content-type"].count("charset") <= 1
        assert found.status_code == 200
        assert not re.search(r"https?://|//[a-z]+\.", found.text.partition('"paths"')[0])
    assert "javascript" in served.client.get("/docs/docs.js").headers["content-type"]


def test_pages_of_other_origins_may_call_where_the_stage_says_so(serve: Callable[..., Served]) -> None:
    served = serve(cors=("https://shop.example",))
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    allowed = served.client.options("/streams/accesses", headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    for path in ("/streams/anything", "/health", "/nothing"):
        answer = served.client.request("POST", path, content=b"{}", headers={"Origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["vary"] == "Origin"
    foreign = served.client.post("/streams/anything", content=b"{}", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    refused = served.client.options("/streams/anything", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_without_the_setting_no_other_origin_may_call(served: Served) -> None:
    answer = served.client.get("/health", headers={"Origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers
