"""A platform whose owner is told by e-mail when a step breaks, and when it works again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from unit.adapters.smtp.postbox import Postbox, postbox

ASTERISM = str(Path(sys.executable).with_name("asterism"))
PLATFORM = """\
from asterism import Platform
from asterism.sources import Postgres

platform = Platform("shop", freshness="1d")
platform.pull(Postgres("${SHOP_URL}"), into="shop", every="200ms")
"""
MODEL = "-- Orders.\n-- kind: fact\n-- key: id\n-- freshness: 2s\nselect id, amount from shop.orders"


class Shop:
    """The platform in a folder."""

    def __init__(self, folder: Path, url: str, box: Postbox) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SHOP_URL": url, "MAIL": f"127.0.0.1:{urlsplit(box.url).port}"}
        self.events: list[dict] = []
        toml = '[dev]\nwarehouse = "duckdb:///.asterism/dev/w.duckdb"\nlake = ".asterism/dev/lake"\ndisk_limit = 100\n'
        toml += 'alerts = ["mailto://${MAIL}?to=owner@shop.example&from=shop@shop.example"]\n'
        for name, text in {"asterism.toml": toml, "platform.py": PLATFORM, "models/orders.sql": MODEL}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def asterism(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [ASTERISM, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def incidents(self) -> list[dict]:
        return json.loads(self.asterism("alerts", "list", "--json"))["incidents"]

    @contextmanager
    def running(self, until: str = "pulled") -> Iterator[None]:
        self.events.clear()
        command = [ASTERISM, "run", "--json", "--no-http"]
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as process:
            reader = threading.Thread(target=self._hear, args=(process,))
            reader.start()
            try:
                self.until(lambda: any(each["event"] == until for each in self.events))
                yield
            finally:
                process.terminate()
                reader.join()
        assert process.returncode == 0

    def _hear(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self.events.append(json.loads(line))

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not true():
            assert time.monotonic() < end, "\n".join(f"{e['at']} {e['event']} {e.get('message')}" for e in self.events)
            time.sleep(0.05)

    def told(self, kind: str) -> list[dict]:
        return [each for each in self.events if each["event"] == "incident" and each["kind"] == kind]


class Door:
    """The shop's database, closed to everybody and opened again."""

    def __init__(self, admin, url: str) -> None:
        self.admin, self.name = admin, urlsplit(url).path.strip("/")

    def close(self) -> None:
        self.admin.execute(
            f"alter database {self.name} allow_connections false",
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self.name}'",
        )

    def open(self) -> None:
        self.admin.execute(f"alter database {self.name} allow_connections true")


@pytest.fixture
def shop(tmp_path, database, postgres):
    database.execute(
        "create table orders (id int primary key, amount numeric(10,2))", "insert into orders values (1, 2.5)"
    )
    with postbox() as box:
        yield Shop(tmp_path / "shop", database.url, box), Door(type(database)(postgres.url), database.url), box


def body(message) -> str:
    return message.get_body(("plain", "html")).get_content()


@pytest.mark.slow(20)
def test_a_broken_step_is_one_mail_and_its_recovery_another(shop):
    platform, door, box = shop
    (platform.folder / "models" / "orders.sql").write_text(MODEL.replace("-- freshness: 2s\n", ""))
    with platform.running():
        door.close()
        (broken,) = box.wait(1)
        assert broken["Subject"] == "[shop/dev] source shop failed"
        for part in ("platform: shop", "stage: dev", "step: source shop", "error: ", "since: ", "last good: 2", "do: "):
            assert part in body(broken), part
        assert [each["over_at"] for each in platform.incidents()] == [None]
        failed = sum(each["event"] == "failed" for each in platform.events)
        platform.until(lambda: sum(each["event"] == "failed" for each in platform.events) > failed + 1)
        assert len(box.messages) == 1  # it went on failing, and nothing more was said
        door.open()
        _, over = box.wait(2)
        assert over["Subject"] == "[shop/dev] source shop works again"
        assert "over: " in body(over)
    assert len(box.messages) == 2
    (incident,) = platform.incidents()
    assert incident["over_at"] is not None


@pytest.mark.slow(20)
def test_a_missed_objective_is_told_and_an_incident_outlives_the_process(shop):
    platform, door, box = shop
    with platform.running():
        platform.until(lambda: any(each.get("refreshed") for each in platform.events))  # the model stands
        door.close()
        platform.until(lambda: told_of(box) == {"source shop failed.", "model orders is older than its objective."})
    told = len(box.messages)
    assert {each["kind"] for each in platform.incidents() if each["over_at"] is None} == {"step", "freshness"}
    with platform.running(until="failed"):
        platform.until(lambda: sum(each["event"] == "failed" for each in platform.events) > 2)
        door.open()
        platform.until(lambda: {each["over_at"] is None for each in platform.incidents()} == {False})
        platform.until(lambda: {"source shop works again.", "model orders is fresh again."} <= told_of(box))
        assert all(each["over_at"] for each in [*platform.told("step"), *platform.told("freshness")])
    assert not any("failed" in each["Subject"] or "older" in each["Subject"] for each in box.messages[told:])


def told_of(box: Postbox) -> set[str]:
    """The headlines of all that was told."""
    return {
        line for each in box.messages for line in body(each).splitlines() if line.endswith(".") and ": " not in line
    }


def test_a_test_tells_every_address_and_fails_where_one_does_not_take_it(shop):
    platform, _, box = shop
    assert "told mailto://" in platform.asterism("alerts", "test")
    (message,) = box.wait(1)
    assert message["Subject"] == "[shop/dev] a test"
    box.says = "451 not now"
    assert "AssertionError" not in platform.asterism("alerts", "test", code=1)


FILES = """\
from asterism import Platform, Record
from asterism.sources import Files


class Order(Record):
    id: int
    amount: float


platform = Platform("shop")
platform.pull(Files("orders", "*", record=Order, key=["id"]), into="shop", every="200ms")
"""


def test_a_quarantine_that_grows_and_a_disk_that_fills_are_told_with_what_to_do(tmp_path):
    with postbox() as box:
        platform = Shop(tmp_path / "shop", "", box)
        toml = platform.folder / "asterism.toml"
        toml.write_text(toml.read_text().replace("disk_limit = 100", "disk_limit = 1"))
        (platform.folder / "platform.py").write_text(FILES)
        (platform.folder / "models" / "orders.sql").unlink()
        (platform.folder / "orders").mkdir()
        (platform.folder / "orders" / "a.jsonl").write_text('{"id": 1, "amount": 2}\n{"id": 2, "amount": "much"}\n')
        with platform.running():
            platform.until(lambda: {"quarantine", "disk"} <= {each["kind"] for each in platform.incidents()})
            platform.until(lambda: any("the quarantine grows." in each for each in told_of(box)))
        said = "\n".join(map(body, box.messages))
    assert "refused by a.jsonl, line 2: Expected `float`, got `str`" in said
    assert "asterism quarantine list" in said
    assert "% are in use" in said
    assert "Make room" in said
