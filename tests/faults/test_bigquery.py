"""BigQuery under kill -9, with two writers, and with a model that fails: as dependable as the other warehouses."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from conftest import Database, server_folder
from faults.scene import ASTERISM, Scene, behind, differences
from faults.shop import FILES, TABLES
from faults.soak_record import SEED, record
from faults.test_kill import Executioner, check

from asterism.adapters.postgres.embedded import Embedded

# The emulator takes a tenth of a second for a statement, on a machine that does nothing else, and a first batch has a
# hundred: with every change tests/unit/adapters/test_bigquery_turn.py kills, and the story of user_data.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

ITEMS = """\
-- What each item has brought.
-- kind: fact
-- key: item_id
select item_id, sum(cast(amount as integer)) as amount from totesys.sale group by item_id
"""

FEW = {"models/dim_item.sql": FILES["models/dim_item.sql"], "models/fact_item.sql": ITEMS}
ALL = {name: text for name, text in FILES.items() if name.startswith("models/")}
KILLS = 30
VERBS = ("pull", "rebuild", "pull", "refresh")
AIMS = ("committing", "cursor", "refreshing", None, "applying", None, "landed")


def opened(root: Path, source: Database, warehouse: str, models: dict[str, str]) -> Scene:
    """The shop with these models, its source called totesys."""
    for name, text in {"platform.py": FILES["platform.py"], "asterism.toml": FILES["asterism.toml"], **models}.items():
        told = text.replace("SHOP_URL", "TOTESYS_URL").replace('into="shop"', 'into="totesys"')
        told = told.replace("from shop.", "from totesys.").replace("[dev]", '[dev]\nstate = "${STATE:-.asterism/dev}"')
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(told)
    return Scene(root, source, warehouse_url=warehouse)


@pytest.fixture(scope="module")
def scene(postgres: Embedded, make_dataset: Callable[[], str]) -> Iterator[Scene]:
    """The shop, pulled once: that takes as long as anything that is done to it here."""
    Database(postgres.url).execute("create database shop_on_bigquery")
    with server_folder() as folder:
        url = postgres.url.replace("/postgres?", "/shop_on_bigquery?")
        source = Database(url)
        source.execute(*TABLES)
        made = opened(folder / "shop", source, make_dataset(), FEW)
        with made.open() as (_, pull):
            pull()
        yield made
    Database(postgres.url).execute("drop database shop_on_bigquery with (force)")


def test_nothing_is_lost_by_kills(scene: Scene) -> None:
    """In a rebuild, which drops every table outside of its transaction, and in the commit of a pull."""
    executioner = Executioner(scene, Random(2))
    with trading(scene.source, seed=1):
        for verb, target in (("rebuild", "cursor"), ("pull", "committing")):
            executioner.kill(verb, target)
    check(scene, str(executioner.deaths), reconcile=True)


def test_a_model_that_fails_is_held_and_the_rest_goes_on(scene: Scene) -> None:
    named = "select name from dim_item where item_id = 3"
    scene.source.execute(
        "insert into sale values (5000, 3, 'twelve')", "update item set name = 'new' where item_id = 3"
    )
    with scene.open() as (warehouse, pull):
        assert [name for name, _ in pull().held] == ["fact_item"]
        assert warehouse.session.rows(named) == [("new",)]
        assert behind(warehouse, scene.source, deletions=False) == []
        scene.source.execute("update sale set amount = '12' where sale_id = 5000")
        assert pull().held == ()
        assert differences(warehouse) == {}


def test_nothing_is_lost_by_thirty_kills(
    tmp_path: Path, make_database: Callable[[], Database], make_dataset: Callable[[], str]
) -> None:
    """Initial loads, versions, edited models and columns that are added among them."""
    deaths: Counter[str] = Counter()
    rng, begun, checks, scene = Random(SEED), time.monotonic(), 0, None
    for number in range(KILLS):
        if scene is None or number % 10 == 0:
            source = make_database()
            source.execute(*TABLES)
            scene = opened(tmp_path / str(number) / "shop", source, make_dataset(), ALL)
        executioner = Executioner(scene, rng)
        if number % 5 == 3:
            scene.source.execute(f"alter table item add column more_{number} text default 'x'")
        if number % 5 == 4:
            scene.edit("models/sales_per_item.sql", "select item_id", f"select item_id, count(*) as sales_{number}")
        verb = VERBS[number % len(VERBS)] if number % 10 else "pull"
        with trading(scene.source, seed=number):
            where = executioner.kill(verb, AIMS[number % len(AIMS)])
        deaths += executioner.deaths
        if rng.random() < 1 / 4:
            continue  # what follows is killed as well
        check(scene, where, reconcile=True)
        checks += 1
    assert scene is not None
    assert scene("verify").startswith("0 differences")
    minutes = (time.monotonic() - begun) / 60
    killed = [f"| {where} | {times} |" for where, times in sorted(deaths.items())]
    lines = [
        f"- {deaths.total()} kills, {checks} comparisons with the source: 0 differences, and `verify` found none",
        f"- {minutes:.0f} minutes",
        "",
        "| killed in | times |",
        "|---|---:|",
        *killed,
    ]
    record("bigquery", "\n".join(lines))


def test_of_two_writers_the_second_waits_or_is_refused_and_nothing_is_doubled(scene: Scene, tmp_path: Path) -> None:
    """As on two machines: no lock of the operating system keeps them apart."""
    scene.source.execute("insert into sale values (6000, 1, '5'), (6001, 2, '5')")
    command = [str(ASTERISM), "pull", "--project", str(scene.root)]
    places = [scene.environment | {"STATE": str(tmp_path / name)} for name in ("one", "other")]
    both = [subprocess.Popen(command, env=place, stderr=subprocess.PIPE, text=True) for place in places]
    for process in both:
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0 or "another process" in said or "works in it" in said, said
    assert 0 in {process.returncode for process in both}
    with scene.open() as (warehouse, pull):
        pull()
        assert behind(warehouse, scene.source, deletions=False) == []
        assert differences(warehouse) == {}


@contextmanager
def trading(source: Database, seed: int) -> Iterator[None]:
    """Sales, corrections, deletions and new names, until the end; what was begun is committed then."""
    rng, over = Random(seed), Event()

    def trade() -> None:
        for number in count(10_000 * (seed + 1)):
            sale, item = rng.randint(1, 100), rng.randint(1, 10)
            source.execute(
                rng.choice(
                    (
                        f"insert into sale values ({number}, {item}, '{rng.randint(1, 99)}')",
                        f"update sale set amount = amount::int + 1 where sale_id % 10 = {sale % 10}",
                        f"update item set name = name || '!' where item_id = {item}",
                        f"delete from sale where sale_id = {sale}",
                    )
                )
            )
            if over.wait(0.05):
                return

    thread = Thread(target=trade)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
