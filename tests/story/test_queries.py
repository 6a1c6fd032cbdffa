"""Questions by HTTP, as a client lives with them: a running platform, its queries, SQL, large answers."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from story.house import House

FILES = {
    "platform.py": """
from asterism import Platform, Record

platform = Platform("shop")


class Order(Record):
    number: str
    shop: str
    total: float


orders = platform.stream("orders", Order, key="shop", id_field="number", public=True)
""",
    "asterism.toml": '[dev]\nwarehouse = "duckdb:///.asterism/w.duckdb"\nlake = ".asterism/lake"\n'
    "row_limit = 2000000\n",
    "models/revenue.sql": "-- Revenue of each shop.\n-- kind: mart\n-- key: shop\n"
    "select shop, -- its name\n    sum(total) as revenue\nfrom orders group by shop\n",
    "queries/top.sql": "-- The shops with the most revenue.\n-- param: least double = 0\n"
    "-- param: shops varchar[] = ['a', 'b', 'c']\n"
    "select shop, revenue from revenue\nwhere revenue >= $least and list_contains($shops, shop)\norder by 2 desc\n",
    "queries/many.sql": "-- Many rows.\n-- param: count integer\n"
    "select i as number, i * 1.5 as price, 'the text ' || i as text from range($count) as r(i)\n",
    "queries/endless.sql": "-- It does not end.\nselect count(*) as c from range(1000000000000) as r(i)\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    made = House(root)
    with made.running():
        for number, shop in enumerate("abcab"):
            send(made, str(number), shop, number + 1)
        with made.client("read") as client:
            made.until(lambda: sum(each["revenue"] for each in rows(client, "/queries/top")) == 15)
        yield made


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with house.client("read", "sql") as client:
        yield client


def send(house: House, number: str, shop: str, total: float) -> None:
    record = {"number": number, "shop": shop, "total": total}
    assert httpx.post(f"{house.url}/streams/orders", json=record, trust_env=False).status_code == 202


def rows(client: httpx.Client, path: str) -> list[dict[str, object]]:
    answer = client.get(path)
    return answer.json()["rows"] if answer.status_code == 200 else []


def test_a_query_is_an_address_and_says_what_the_command_line_says(house: House, client: httpx.Client) -> None:
    assert client.get("/queries/top").json() == house.json("query", "top")
    assert [each["name"] for each in client.get("/queries").json()["items"]] == ["endless", "many", "top"]


def test_parameters_are_bound_and_a_list_is_repeated_or_parted_by_commas(client: httpx.Client) -> None:
    assert [each["shop"] for each in rows(client, "/queries/top?shops=a&shops=c")] == ["a", "c"]
    assert [each["shop"] for each in rows(client, "/queries/top?shops=a,c&least=4")] == ["a"]
    refused = client.get("/queries/top?least=much")
    assert (refused.status_code, refused.json()["parameter"]) == (422, "least")
    assert client.get("/queries/top?leest=1").json()["parameter"] == "leest"
    assert client.get("/queries/many").json()["parameter"] == "count"
    assert "Did you mean top?" in client.get("/queries/tops").json()["detail"]


def test_the_link_leads_from_page_to_page(client: httpx.Client) -> None:
    found, answer = [], client.get("/queries/top?limit=1&shops=a,b,c")
    while True:
        found += [each["shop"] for each in answer.json()["rows"]]
        if "next" not in answer.links:
            break
        answer = client.get(answer.links["next"]["url"])
    assert found == ["b", "a", "c"]


def test_each_form_goes_by_accept_or_by_name(client: httpx.Client) -> None:
    text = client.get("/queries/top", headers={"Accept": "text/csv"})
    assert next(csv.DictReader(io.StringIO(text.text))) == {"shop": "b", "revenue": "7.0"}
    lines = client.get("/queries/top?format=ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert len(lines.text.splitlines()) == 3
    assert client.get("/queries/top?format=parquet").content[:4] == b"PAR1"
    assert client.get("/queries/top?format=xml").status_code == 422
    assert client.get("/queries/top", headers={"Accept": "image/png"}).status_code == 406


def test_an_answer_holds_until_the_data_change(house: House, client: httpx.Client) -> None:
    tag = client.get("/queries/top").headers["etag"]
    same = client.get("/queries/top", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    send(house, "later", "z", 1)
    house.until(lambda: client.get("/queries/top", headers={"If-None-Match": tag}).status_code == 200)


def test_head_of_a_query_has_the_headers_of_its_answer_in_every_form(client: httpx.Client) -> None:
    path = "/queries/top"
    for form in ("json", "csv", "parquet"):
        told, shown = (client.request(method, path, params={"format": form}) for method in ("HEAD", "GET"))
        assert (told.status_code, told.content) == (200, b"")
        assert {name: told.headers[name] for name in ("etag", "content-type")} == {
            name: shown.headers[name] for name in ("etag", "content-type")
        }
        known = {"If-None-Match": shown.headers["etag"]}
        assert client.head(path, params={"format": form}, headers=known).status_code == 304


def test_a_token_needs_the_scope(house: House) -> None:
    assert httpx.get(f"{house.url}/queries/top", trust_env=False).status_code == 401
    with house.client("read") as reader:
        assert reader.post("/sql", json={"sql": "select 1"}).status_code == 403
    with house.client("sql") as asker:
        assert asker.get("/queries/top").status_code == 403


def test_sql_asks_one_select_and_another_is_another(client: httpx.Client) -> None:
    for number in (1, 2, 1):
        answer = client.post("/sql", json={"sql": f"select {number} as a"})
        assert answer.json() == {"columns": ["a"], "rows": [{"a": number}]}
    assert client.post("/sql?format=csv", json={"sql": "select 1 as a"}).text == "a\n1\n"
    wrong = client.post("/sql", json={"sql": "select 1 +\nfrom where"})
    assert (wrong.status_code, wrong.json()["line"]) == (400, 2)
    assert client.post("/sql", json={"sql": "select 1", "limit": 0}).status_code == 422
    assert client.post("/sql", json={"squl": "select 1"}).status_code == 422
    assert client.post("/sql", content=b"{").status_code == 400
    assert client.get("/sql").status_code == 405
    for hostile in ("select * from read_csv('/etc/passwd')", "drop table revenue", "select 1; drop table revenue"):
        refused = client.post("/sql", json={"sql": hostile})
        assert refused.status_code == 400
        assert "root:" not in refused.text
    late = client.post("/sql", json={"sql": "select count(*) from range(1000000000000)", "timeout": 0.3})
    assert late.status_code == 504


def spent(pid: int) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> float:
    """MB of memory, at most, so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def processes(house: House) -> list[int]:
    """`run`, and its HTTP server."""
    stats = {int(each.parent.name): each.read_text() for each in Path("/proc").glob("[0-9]*/stat") if each.exists()}
    mine = [pid for pid, text in stats.items() if int(text.rpartition(")")[2].split()[1]) == os.getpid()]
    (run,) = [pid for pid in mine if str(house.root) in Path(f"/proc/{pid}/cmdline").read_text()]
    children = [pid for pid, text in stats.items() if int(text.rpartition(")")[2].split()[1]) == run]
    return [run, *children]


def test_a_question_whose_client_has_gone_is_stopped(house: House, client: httpx.Client) -> None:
    token = client.headers["authorization"]
    run = processes(house)[0]
    host, port = house.url.removeprefix("http://").split(":")
    for _ in range(4):  # as many as there are readers
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"GET /queries/endless HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
            time.sleep(0.4)

    def is_idle() -> bool:
        before = spent(run)
        time.sleep(0.5)
        return spent(run) - before < 0.25

    house.until(is_idle)
    assert len(rows(client, "/queries/top")) == 3


def test_questions_that_take_long_hold_up_neither_the_writer_nor_each_other(house: House, client: httpx.Client) -> None:
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(client.get, "/queries/endless?timeout=4") for _ in range(2)]
        send(house, "meanwhile", "another", 100)  # others count the other shops
        house.until(lambda: rows(client, "/queries/top?least=100&shops=another"))
        assert not any(each.done() for each in slow)
        assert {each.result().status_code for each in slow} == {504}


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_two_million_rows_pass_through_bounded_memory(
    house: House, client: httpx.Client, tmp_path: Path, form: str
) -> None:
    before = [peak(pid) for pid in processes(house)]
    with client.stream("GET", f"/queries/many?count=2000000&limit=2000000&format={form}") as answer:
        assert answer.status_code == 200
        with (tmp_path / "answer").open("wb") as file:
            for part in answer.iter_bytes():
                file.write(part)
    after = [peak(pid) for pid in processes(house)]
    assert all(now - then < 200 for now, then in zip(after, before, strict=True)), (before, after)
    if form == "json":
        assert len(json.loads((tmp_path / "answer").read_bytes())["rows"]) == 2_000_000
    if form == "csv":
        with (tmp_path / "answer").open() as lines:
            assert sum(1 for _ in lines) == 2_000_001
    assert [*(house.root / ".asterism" / "dev" / "answers").glob("*")] == []


def test_models_and_queries_are_described_by_http_as_by_command(house: House, client: httpx.Client) -> None:
    found = client.get("/models/revenue").json()
    told = house.json("describe", "revenue")
    assert found["columns"] == told["columns"]
    assert found["columns"][0] == {
        "name": "shop", "type": "VARCHAR", "comment": "its name", "upstream": ["streams.orders.shop"],
    }  # fmt: skip
    assert "sum" not in house("describe", "revenue")
    assert "streams.orders" in [each["name"] for each in client.get("/models").json()["items"]]
    assert client.get("/models/revenu").status_code == 404
    paths = httpx.get(f"{house.url}/openapi.json", trust_env=False).json()["paths"]
    assert [each["name"] for each in paths["/queries/top"]["get"]["parameters"]][:2] == ["least", "shops"]
    assert "/sql" in paths
