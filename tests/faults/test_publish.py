"""Publishing in trouble: the target away, the process killed, readers all the while."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from conftest import Database
from faults.scene import ASTERISM
from faults.shop import FILES, TABLES, Shop
from faults.soak_record import SEED, record
from faults.test_down import Server

PUBLISH = """
platform.publish(["dim_item", "fact_sale", "sales_per_item"], to="${ANALYSIS_URL:-}", schema="analysis")
"""
SUMS = (
    "select (select count(*) from analysis.dim_item), (select sum(amount) from analysis.fact_sale where is_current), "
    "(select sum(amount) from analysis.sales_per_item)"
)
PATIENCE = 120.0
IN_CI = 5


def published(folder: Path, source: Database, target: str) -> Shop:
    source.execute(*TABLES)
    shop = Shop(folder, source, {"ANALYSIS_URL": target})
    shop.write("platform.py", FILES["platform.py"] + PUBLISH)
    fact = FILES["models/fact_sale.sql"].replace("select", "-- references: item_id -> dim_item\nselect", 1)
    shop.write("models/fact_sale.sql", fact)
    return shop


def until(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@dataclass
class Trade:
    """Sales that are moved from item to item on a thread: their sum stays what it is."""

    source: Database
    seed: int
    over: Event = field(default_factory=Event)
    moved: int = 0

    @contextmanager
    def going(self) -> Iterator[Trade]:
        thread = Thread(target=self._trade)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            thread.join()

    def _trade(self) -> None:
        chance = Random(self.seed)
        with self.source.connect(autocommit=True) as connection:
            while not self.over.wait(0.02):
                one, other = chance.sample(range(1, 101), 2)
                connection.execute(
                    "update sale set item_id = 1 + (item_id + %s) %% 10, amount = amount::int "
                    "+ case sale_id when %s then 1 else -1 end where sale_id in (%s, %s)",
                    [chance.randrange(10), one, one, other],
                )
                self.moved += 1


@dataclass
class Reader:
    """Somebody who looks at the target without end, and must never see what was never so."""

    url: str
    over: Event = field(default_factory=Event)
    looks: int = 0
    wrong: list[Any] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        thread = Thread(target=self._read)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            thread.join()
        assert self.wrong == []

    def _read(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.over.wait(0.002):
                row = connection.execute(SUMS).fetchone()
                self.looks += 1
                if row != (10, 5050, 5050):
                    self.wrong.append(row)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    yield made
    made.close()


def test_a_target_that_was_down_catches_up_and_delays_no_pull(
    server: Server, make_database: Callable[[], Database], tmp_path: Path
) -> None:
    shop = published(tmp_path, make_database(), server.database.url)
    with shop.running() as run:
        assert run.next("published")["tables"][0]["how"] == "created"
        server.stop()
        shop.source.execute("update sale set amount = '7' where sale_id = 1")
        run.refreshed()
        failed = run.next("failed")
        assert failed["task"] == "publication analysis"
        shop.source.execute("update sale set amount = '8' where sale_id = 1")
        run.refreshed()
        (behind,) = json.loads(shop("status", "--json"))["publications"]
        assert behind["error"]
        assert behind["behind"] >= 2
        assert behind["behind_since"] is not None
        server.start()
        followed = run.next("published")
        assert {each["how"] for each in followed["tables"]} == {"followed"}
        assert followed["refreshes"] >= 2
        assert server.database.rows("select count(*) from analysis.fact_sale where sale_id = 1") == [(3,)]
        (standing,) = json.loads(shop("status", "--json"))["publications"]
        assert (standing["behind"], standing["error"]) == (0, "")


def test_readers_never_see_an_empty_table_or_sums_that_differ(
    make_database: Callable[[], Database], tmp_path: Path
) -> None:
    target = make_database()
    shop = published(tmp_path, make_database(), target.url)
    with shop.running() as run:
        run.next("published")
        with Reader(target.url).reading() as reader, Trade(shop.source, 5).going() as trade:
            until(lambda: trade.moved > 30, "nothing is traded")
            shop("publish", "--full")
            edited = FILES["models/dim_item.sql"].replace("name from", "name, upper(name) as shout from")
            shop.write("models/dim_item.sql", edited)
            until(lambda: _has_column(target, "shout"), "the column never came")
            until(lambda: trade.moved > 60, "nothing is traded")
            assert reader.looks > 100
        until(lambda: target.rows(f"{SUMS}") == [(10, 5050, 5050)], "the sums differ")
    assert target.rows("select count(*) from analysis.dim_item where shout is null") == [(0,)]
    assert target.rows("select count(*) from pg_constraint where contype = 'f'") == [(1,)]


def _has_column(target: Database, name: str) -> bool:
    return bool(target.rows(f"select 1 from information_schema.columns where column_name = '{name}'"))


@pytest.mark.parametrize("kills", [IN_CI, pytest.param(50, marks=pytest.mark.soak)])
def test_a_platform_that_is_killed_anywhere_publishes_each_refresh_once(
    make_database: Callable[[], Database], tmp_path: Path, kills: int
) -> None:
    target, chance, begun = make_database(), Random(10 + SEED), time.monotonic()
    shop = published(tmp_path, make_database(), target.url)
    shop("pull")
    shop("publish")
    command = [str(ASTERISM), "run", "--no-http", "--json", "--project", str(shop.root)]
    with Reader(target.url).reading() as reader, Trade(shop.source, 6).going() as trade:
        for _ in range(kills):
            before = _position(target)
            process = subprocess.Popen(
                command, env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            try:
                until(lambda: _position(target) > before or process.poll() is not None, "nothing is published")  # noqa: B023 - asked here and now
                assert process.poll() is None, process.communicate()
                time.sleep(chance.uniform(0, 0.4))
            finally:
                process.send_signal(signal.SIGKILL)
                process.communicate()
    shop("pull", "--reconcile")
    shop("publish")
    assert contents(target) == {name: shop.rows(sql) for name, sql in QUESTIONS.items()}
    done = json.loads(shop("publish", "--full", "--json"))["publications"][0]
    assert {each["table"]: (each["removed"], each["added"]) for each in done["tables"]} == {
        f"analysis.{name}": (0, 0) for name in ("dim_item", "fact_sale", "sales_per_item")
    }
    if kills > IN_CI:
        rows = sum(len(each) for each in contents(target).values())
        record(
            "published",
            f"- {kills} kills, {trade.moved} transactions at the source and {_position(target)} refreshes meanwhile\n"
            f"- {reader.looks} looks at the target: none saw less than all of a refresh\n"
            f"- at the end {rows} rows in three tables: 0 differences, and 0 by `publish --full`\n"
            f"- {(time.monotonic() - begun) / 60:.0f} minutes",
        )


def _position(target: Database) -> int:
    position: int = target.rows("select seq from _asterism.published")[0][0]
    return position


QUESTIONS = {
    "dim_item": "select item_id, name from dim_item order by 1",
    "fact_sale": "select sale_id, item_id, amount, is_current from fact_sale order by 1, 2, 3, 4",
    "sales_per_item": "select item_id, cast(amount as integer) from sales_per_item order by 1",
}


def contents(target: Database) -> dict[str, list[list[Any]]]:
    """The same questions, asked of the target."""
    return {
        name: [list(row) for row in target.rows(sql.replace(f"from {name}", f"from analysis.{name}"))]
        for name, sql in QUESTIONS.items()
    }
