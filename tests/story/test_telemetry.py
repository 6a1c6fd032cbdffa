"""What a platform tells of its work: metrics, log lines, traces and lineage, each to a real receiver."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

ASTERISM = str(Path(sys.executable).with_name("asterism"))
PLATFORM = """\
from asterism import Platform, Record
from asterism.sources import Files

platform = Platform("shop")


class Order(Record):
    id: int
    amount: float = 0.0


class Total(Record):
    amount: float = 0.0


platform.pull(Files("files", "**/*.jsonl", table="orders", record=Order, key=["id"]), into="shop", every="200ms")
platform.pull(Files("nowhere", "*"), into="nowhere", every="200ms")
orders = platform.stream("orders", Order, id_field="id")


@platform.view(orders)
def total(state: Total, order: Order) -> Total:
    return Total(amount=state.amount + order.amount)
"""
MODEL = "-- Orders.\n-- kind: fact\n-- key: id\nselect id, amount from shop.orders"
QUERY = "-- How many orders there are.\nselect count(*) as orders from fact_order"
TOML = '[dev]\nwarehouse = "duckdb:///.asterism/dev/w.duckdb"\nlake = ".asterism/dev/lake"\n'


class Receiver:
    """Takes what is posted to it, by path."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        taken = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append(
                    (self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                )
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> dict[bytes, tuple[str, bytes, dict]]:
        """By id: name, the parent's id, attributes."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = {}
        for path, body in [*self.bodies]:
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for span in (each for scope in resource.scope_spans for each in scope.spans):
                        facts = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
                        found[span.span_id] = (span.name, span.parent_span_id, facts)
        return found

    def lineage(self) -> list[dict]:
        return [json.loads(body) for path, body in [*self.bodies] if path == "/api/v1/lineage"]


class Shop:
    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, **environment}
        for name, text in {
            "asterism.toml": TOML,
            "platform.py": PLATFORM,
            "models/fact_order.sql": MODEL,
            "queries/orders.sql": QUERY,
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / "files").mkdir()
        self.drop("a", {"id": 1, "amount": 2.5}, {"id": 2})
        self.lines: list[dict] = []
        self.errors: list[str] = []

    def drop(self, name: str, *rows: dict) -> None:
        partial = self.folder / name
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
        partial.rename(self.folder / "files" / f"{name}.jsonl")

    def asterism(self, *arguments: str) -> str:
        done = subprocess.run(
            [ASTERISM, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def token(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.asterism('token', 'create', '--scope', scope).strip()}"}

    @contextmanager
    def running(self, *arguments: str) -> Iterator[str]:
        command = [ASTERISM, "run", "--port", "0", *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe, text=True
        ) as process:
            readers = [
                threading.Thread(target=lambda: self.lines.extend(map(json.loads, process.stdout or ()))),
                threading.Thread(target=lambda: self.errors.extend(process.stderr or ())),
            ]
            for each in readers:
                each.start()
            try:
                yield ""
            finally:
                process.terminate()
                for each in readers:
                    each.join()
        assert process.returncode == 0, self.errors

    def url(self) -> str:
        self.until(lambda: any(each["event"] == "serving" for each in self.told()))
        return next(each["url"] for each in self.told() if each["event"] == "serving")

    def told(self) -> list[dict]:
        return [*self.lines, *(json.loads(line) for line in self.errors if line.startswith("{"))]

    def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not true():
            assert time.monotonic() < end, (self.lines, self.errors)
            time.sleep(0.05)


def values(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, and by the values of the labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            labels = tuple(value for name, value in sorted(each.labels.items()) if name != "le")
            found.setdefault(each.name, {})[labels] = each.value
    return found


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> tuple[Shop, dict]:
    """A platform that has run for a while, one of whose sources is broken; and what Prometheus saw of it."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    with shop.running():
        url = shop.url()
        assert httpx.get(f"{url}/metrics").status_code == 401
        assert httpx.get(f"{url}/metrics", headers=shop.token("read")).status_code == 403
        sent = httpx.post(f"{url}/streams/orders", headers=shop.token("ingest:orders"), json={"id": 7, "amount": 3})
        assert sent.status_code == 202
        prometheus = shop.token("metrics")

        def scraped() -> dict:
            answer = httpx.get(f"{url}/metrics", headers=prometheus)
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return values(answer.text)

        shop.until(lambda: scraped().get("asterism_freshness_seconds"))
        shop.until(lambda: scraped()["asterism_queue_records"][("view:total", "orders")] == 0)
        shop.until(lambda: scraped()["asterism_rows_total"].get(("read", "land", "streams.orders")) == 1)
        shop.until(lambda: scraped()["asterism_incidents"][("step",)] == 1)
        return shop, scraped()


def test_metrics_count_what_came_and_what_it_became(lived):
    _, found = lived
    assert found["asterism_up"][()] == 1
    assert found["asterism_rows_total"]["read", "land", "shop.orders"] == 2
    assert found["asterism_rows_total"]["added", "refresh", "fact_order"] == 2
    assert found["asterism_rows_total"]["read", "fold", "total"] == 1
    assert found["asterism_bytes_total"]["land", "shop.orders"] > 0
    assert found["asterism_step_seconds_count"]["refresh", "fact_order"] >= 1


def test_metrics_say_how_old_how_far_behind_and_how_full_everything_is(lived):
    _, found = lived
    assert found["asterism_source_lag_seconds"][("shop",)] < 60
    assert ("warehouse", "orders") in found["asterism_lag_seconds"]
    assert 0 < next(iter(found["asterism_disk_used_ratio"].values())) <= 1


def test_metrics_count_steps_that_fail_and_every_request_by_its_route(lived):
    _, found = lived
    assert found["asterism_errors_total"]["poll", "nowhere"] >= 1
    assert found["asterism_http_requests_total"]["POST", "/streams/orders", "202"] == 1
    assert found["asterism_http_requests_total"]["GET", "/metrics", "401"] == 1


def test_a_log_that_is_no_terminal_is_json_with_ids_that_the_ledger_knows(lived):
    shop, _ = lived
    told = [json.loads(line) for line in shop.errors]
    assert len({each["process"] for each in told if "process" in each}) == 1
    pulled = next(each for each in told if each["event"] == "pulled")
    assert (pulled["level"], pulled["platform"], pulled["stage"]) == ("info", "shop", "dev")
    assert pulled["message"].startswith("shop: 2 rows")
    failed = next(each for each in told if each["event"] == "failed")
    assert failed["level"] == "error"
    known = {run["run_id"]: run["status"] for run in json.loads(shop.asterism("status", "--json"))["runs"]}
    assert (known[pulled["run"]], known[failed["run"]]) == ("ok", "failed")


def test_a_log_may_be_wanted_in_words(tmp_path):
    shop = Shop(tmp_path)
    with shop.running("--log-format", "text"):
        shop.until(lambda: any("shop: 2 rows" in line for line in shop.errors))


def test_another_form_of_the_log_is_refused(tmp_path):
    done = subprocess.run(
        [ASTERISM, "run", "--log-format", "xml"],
        cwd=Shop(tmp_path).folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Give text or json" in done.stderr


@pytest.fixture
def receiver():
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_the_work_is_traced_and_its_lineage_told(tmp_path, receiver):
    pytest.importorskip("opentelemetry.sdk")
    pytest.importorskip("openlineage.client")
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OPENLINEAGE_URL": receiver.url}
    shop = Shop(tmp_path, **environment, OTEL_BSP_SCHEDULE_DELAY="200")
    with shop.running("--json"):
        url = shop.url()
        shop.until(lambda: any(each["event"] == "pulled" and each["refreshed"] for each in shop.told()))
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {**shop.token("read"), "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        assert httpx.get(f"{url}/queries/orders", headers=headers).status_code == 200
    assert len({each["process"] for each in shop.lines}) == 1
    pulled = next(each for each in shop.lines if each["event"] == "pulled")
    spans = receiver.spans()
    named: dict[str, tuple[bytes, dict]] = {}
    for name, parent, facts in spans.values():  # the first of each name: later polls find nothing
        named.setdefault(name, (parent, facts))

    def above(name: str) -> str:
        return spans[named[name][0]][0] if named[name][0] in spans else ""

    assert above("poll shop") == above("land shop.orders") == above("commit shop") == "pull shop"
    assert above("apply shop.orders") == above("refresh fact_order") == "commit shop"
    assert named["pull shop"][1]["asterism.run"] == pulled["run"]
    assert named["land shop.orders"][1]["asterism.rows"] == 2
    parent, facts = named["request /queries/orders"]
    assert parent.hex() == "b7ad6b7169203331"
    assert (facts["http.request.method"], facts["http.response.status_code"]) == ("GET", 200)

    events = receiver.lineage()
    jobs = {each["job"]["name"] for each in events}
    assert {"pull.shop", "land.shop.orders", "refresh.fact_order"} <= jobs
    made = [each for each in events if each["job"]["name"] == "refresh.fact_order"]
    assert [each["eventType"] for each in made[:2]] == ["START", "COMPLETE"]
    assert made[0]["run"]["runId"] == made[1]["run"]["runId"]
    assert [each["name"] for each in made[1]["inputs"]] == ["shop.orders"]
    assert [each["name"] for each in made[1]["outputs"]] == ["fact_order"]
    assert made[1]["run"]["facets"]["parent"]["job"]["name"] == "pull.shop"
    assert {each["job"]["namespace"] for each in events} == {"shop/dev"}


def test_a_receiver_that_is_away_disturbs_nothing(tmp_path):
    pytest.importorskip("opentelemetry.sdk")
    away = "http://127.0.0.1:9"
    shop = Shop(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=away, OPENLINEAGE_URL=away)
    shop.asterism("pull", "shop")
    assert json.loads(shop.asterism("query", "orders", "--json"))["rows"] == [{"orders": 2}]
