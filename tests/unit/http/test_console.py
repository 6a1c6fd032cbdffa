"""Sessions, pages and what they ask: closed to who has no token, and safe from other sites' pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from asterism.ports.log import Logged, Standing
from asterism.run.control import Server

if TYPE_CHECKING:
    from conftest import Served

OWN = {"Asterism-Console": "1"}


@contextmanager
def login(served: Served, *scopes: str) -> Iterator[httpx.Client]:
    """A browser with a session."""
    text = served.tokens.create(scopes)[0]
    with httpx.Client(base_url=served.client.base_url, trust_env=False, timeout=60) as browser:
        assert browser.post("/session", json={"token": text}, headers=OWN).status_code == 200
        yield browser


@pytest.fixture
def answers(served: Served) -> Iterator[dict[str, Any]]:
    """What `asterism run` answers, by verb."""
    known: dict[str, Any] = {}

    def run(verb: str, _arguments: Mapping[str, Any], _progress: object) -> Any:
        return known[verb]

    folder = Path(served.project.stage.state)
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, run)
    server.start()
    yield known
    server.close()
    server.wait()


def test_a_token_that_is_shown_opens_a_session_that_needs_no_token(served: Served) -> None:
    text, token = served.tokens.create(("read",), "wall")
    with httpx.Client(base_url=served.client.base_url, trust_env=False) as browser:
        assert browser.get("/session").status_code == 401
        begun = browser.post("/session", json={"token": text}, headers=OWN)
        assert begun.json() == {
            "platform": "site", "stage": "dev", "production": False, "name": "wall", "scopes": ["read"]
        }  # fmt: skip
        cookie = begun.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie
        assert text not in cookie
        assert browser.get("/session").json()["scopes"] == ["read"]
        assert browser.get("/queries").status_code == 200
        assert browser.get("/quarantine").status_code == 403
        ended = browser.delete("/session", headers=OWN)
        assert ended.status_code == 204
        assert browser.get("/queries").status_code == 401
    assert token.name == "wall"


def test_behind_tls_the_cookie_travels_by_tls_only(served: Served) -> None:
    text = served.tokens.create(("read",))[0]
    begun = served.client.post("/session", json={"token": text}, headers=OWN | {"X-Forwarded-Proto": "https"})
    assert "Secure" in begun.headers["set-cookie"]


def test_a_session_ends_with_its_token_and_not_with_the_server(serve: Callable[..., Served]) -> None:
    first = serve()
    text, token = first.tokens.create(("read",))
    begun = first.client.post("/session", json={"token": text}, headers=OWN)
    cookie = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    assert serve().client.get("/queries", headers=cookie).status_code == 200
    first.tokens.revoke(token.id)
    assert serve().client.get("/queries", headers=cookie).status_code == 401


@pytest.mark.parametrize("text", ["", "ast_x_y", "ast_0000000000_wrong"])
def test_a_wrong_token_opens_nothing(served: Served, text: str) -> None:
    answer = served.client.post("/session", json={"token": text}, headers=OWN)
    assert answer.status_code in {400, 401}
    assert "set-cookie" not in answer.headers


def test_a_token_that_may_see_nothing_opens_no_session(served: Served) -> None:
    text = served.tokens.create(("ingest:*",))[0]
    answer = served.client.post("/session", json={"token": text}, headers=OWN)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_an_expired_token_opens_nothing(served: Served) -> None:
    text = served.tokens.create(("read",), lasting=timedelta(microseconds=1))[0]
    assert served.client.post("/session", json={"token": text}, headers=OWN).status_code == 401


def test_a_forged_cookie_opens_nothing(served: Served) -> None:
    text, token = served.tokens.create(("admin",))
    begun = served.client.post("/session", json={"token": text}, headers=OWN)
    ((name, value),) = begun.cookies.items()
    served.client.cookies.clear()
    key, until, signature = value.split(".")
    for forged in (
        f"{key}.{int(until) + 1}.{signature}", f"{key}.{until}.{'0' * 64}", f"{key}.{until}", "", ".", f"{key}..",
        f"{key}.x.y", f"{key}.{until}.\u00e9", f"nobody.{until}.{signature}",
    ):  # fmt: skip
        answer = served.client.get("/queries", headers={"Cookie": f"{name}={forged}".encode()})
        assert answer.status_code == 401, forged
    assert served.client.get("/queries", headers={"Cookie": f"{name}={value}"}).status_code == 200
    assert token.id == key


def test_a_page_of_another_site_can_change_nothing_with_the_session(served: Served) -> None:
    with login(served, "admin") as browser:
        foreign = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        for method, path in (
            ("POST", "/quarantine/1/replay"), ("DELETE", "/quarantine/1"), ("POST", "/sql"),
            ("POST", "/simulate/visitors"), ("POST", "/streams/accesses"), ("DELETE", "/session"),
        ):  # fmt: skip
            answer = browser.request(method, path, content=b"{}", headers=foreign)
            assert answer.status_code == 403, path
            assert "asterism-console" in answer.json()["detail"]
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "asterism-console"}
        assert "access-control-allow-origin" not in browser.options("/sql", headers=asked).headers


def test_another_site_that_may_call_may_not_do_so_in_our_readers_name(serve: Callable[..., Served]) -> None:
    served = serve(cors=("https://shop.example",))
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "asterism-console"}
    granted = served.client.options("/sql", headers=asked).headers
    assert "console" not in granted["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in granted


def test_without_a_session_there_is_nothing_but_the_page_to_log_in(served: Served) -> None:
    for path in ("/", "/console/sql", "/console/dashboards/orders"):
        page = served.client.get(path)
        assert page.status_code == 200
        assert "Log in" in page.text
        assert 'id="nav"' not in page.text
    with login(served, "read") as browser:
        assert 'id="nav"' in browser.get("/console/sql").text


def test_pages_run_no_script_but_their_own_and_are_framed_by_nobody(served: Served) -> None:
    with login(served, "read") as browser:
        for page in (served.client.get("/"), browser.get("/"), browser.get("/docs")):
            (policy,) = page.headers.get_list("content-security-policy")
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|https?://", page.text)


def test_assets_are_kept_for_good_and_go_packed(served: Served) -> None:
    with login(served, "read") as browser:
        page = browser.get("/").text
        paths = sorted({*re.findall(r'(?:src|href|content)="(/console/assets/[^"]+)"', page)})
        assert len(paths) > 5
        for path in paths:
            found = browser.get(path)
            assert found.status_code == 200, path
            assert "immutable" in found.headers["cache-control"]
            assert found.headers["content-encoding"] == "gzip"
            again = browser.get(path, headers={"If-None-Match": found.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            plain = browser.get(path, headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.content == found.content
        assert any("plotly" in path for path in paths)
        folder = next(path for path in paths if path.endswith("app.js")).removesuffix("app.js")
        for path in ("/console/assets/0/app.js", f"{folder}login.html", f"{folder}session.py", f"{folder}plotly.js"):
            assert browser.get(path).status_code == 404, path


def test_every_module_that_a_module_names_is_there() -> None:
    folder = Path(__file__).parents[3] / "src" / "asterism" / "http" / "console"
    for file in folder.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', file.read_text()):
            assert (folder / name).exists(), (file.name, name)
        assert "innerHTML" not in file.read_text()


def test_the_graph_is_told_in_layers(served: Served) -> None:
    graph = served.client.get("/graph", headers=served.token("read")).json()
    names = [[node["id"] for node in layer] for layer in graph["layers"]]
    assert {"stream:accesses", "stream:orders", "stream:anything"} == {*names[0]}
    assert names[1] == ["view:occupancy"]
    assert graph["edges"] == [{"from": "stream:accesses", "to": "view:occupancy"}]
    assert served.client.get("/graph", headers=served.token("ingest:*")).status_code == 403


def test_status_is_what_run_knows_and_says_which_server_it_is(served: Served, answers: dict[str, Any]) -> None:
    answers["overview"] = {"models": [], "flows": []}
    told = served.client.get("/status", headers=served.token("read")).json()
    assert told["models"] == []
    assert told["server"]


def test_runs_and_the_catalog_are_asked_of_run(served: Served, answers: dict[str, Any]) -> None:
    answers["runs"], answers["catalog"] = {"runs": []}, {"tables": []}
    read = served.token("read")
    assert served.client.get("/runs?failed=true&limit=5", headers=read).json() == {"runs": []}
    assert served.client.get("/runs?limit=0", headers=read).status_code == 400
    assert served.client.get("/catalog", headers=read).json() == {"tables": []}


def test_the_latest_records_of_a_stream_are_for_who_may_ask_with_sql(served: Served) -> None:
    served.log.stands = Standing({"a": 2})
    served.log.kept = [Logged("a", place, str(place), "k", place, b'{"n":%d}' % place) for place in (1, 2)]
    found = served.client.get("/records/accesses?limit=1", headers=served.token("sql")).json()
    assert [(each["id"], each["body"]) for each in found["items"]] == [("2", {"n": 2})]
    assert served.client.get("/records/accesses", headers=served.token("read")).status_code == 403
    missing = served.client.get("/records/acceses", headers=served.token("sql"))
    assert missing.status_code == 404
    assert "accesses" in missing.json()["detail"]


def test_a_query_says_how_it_is_shown(serve: Callable[..., Served], project: Any) -> None:
    (project.root / "queries").mkdir()
    text = "-- Orders.\n-- chart: bar x=day y=n unit=% title=Orders\nselect 1 as day, 2 as n"
    (project.root / "queries" / "orders.sql").write_text(text)
    from asterism.project.load import load

    project.queries.update(load(project.root, environment={}).queries)
    served = serve()
    (query,) = served.client.get("/queries", headers=served.token("read")).json()["items"]
    expected = {"kind": "bar", "columns": {"x": ["day"], "y": ["n"]}, "unit": "%", "title": "Orders"}
    assert query["chart"] == expected
