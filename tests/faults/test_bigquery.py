"""BigQuery under kill -9, with two writers, and with a model that fails: as dependable as the other warehouses."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread

from conftest import Database
from faults.scene import ASTERISM, Scene, behind, differences
from faults.shop import FILES, TABLES
from faults.test_kill import Executioner, check

ITEMS = """\
-- What each item has brought.
-- kind: fact
-- key: item_id
select item_id, sum(cast(amount as integer)) as amount from totesys.sale group by item_id
"""


def opened(root: Path, source: Database, warehouse: str, *, small: bool) -> Scene:
    """The shop, its source called totesys; `small`: with one model, which takes a third of the statements."""
    source.execute(*TABLES)
    for name, written in FILES.items():
        if not small or not name.startswith("models/"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = written.replace("SHOP_URL", "TOTESYS_URL").replace(
                "[dev]", '[dev]\nstate = "${STATE:-.asterism/dev}"'
            )
            path.write_text(text.replace('into="shop"', 'into="totesys"').replace("from shop.", "from totesys."))
    if small:
        (root / "models").mkdir()
        (root / "models" / "fact_item.sql").write_text(ITEMS)
    return Scene(root, source, warehouse_url=warehouse)


def test_nothing_is_lost_by_kills(tmp_path: Path, database: Database, make_dataset: Callable[[], str]) -> None:
    """In a rebuild, which drops every table outside of its transaction, in a pull, and in its commit."""
    scene = opened(tmp_path / "shop", database, make_dataset(), small=True)
    with scene.open() as (_, pull):
        pull()
    executioner = Executioner(scene, Random(20_260_101))
    with trading(scene.source, seed=1):
        for verb, target in (("rebuild", "cursor"), ("pull", "refreshing"), ("pull", "committing")):
            executioner.kill(verb, target)
    check(scene, str(executioner.deaths), reconcile=True)


def test_of_two_writers_the_second_is_refused_and_nothing_is_doubled(
    tmp_path: Path, database: Database, make_dataset: Callable[[], str]
) -> None:
    """Two machines, so that no lock of the operating system keeps them apart; and what they write is what is there."""
    scene = opened(tmp_path / "shop", database, make_dataset(), small=True)
    with scene.open() as (_, pull):
        pull()
    codes: list[int] = []
    for number in range(2):
        scene.source.execute(f"insert into sale values ({1000 + number}, 1, '5')")
        command = [str(ASTERISM), "pull", "--project", str(scene.root)]
        both = [
            subprocess.Popen(
                command, env=scene.environment | {"STATE": str(tmp_path / name)}, stderr=subprocess.PIPE, text=True
            )
            for name in ("one", "other")
        ]
        for process in both:
            said = process.communicate(timeout=120)[1]
            assert "Traceback" not in said
            assert process.returncode == 0 or "another process" in said or "works in it" in said, said
            codes.append(process.returncode)
    assert 0 in codes[:2]
    assert 0 in codes[2:]
    with scene.open() as (warehouse, pull):
        pull()
        assert behind(warehouse, scene.source) == []
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
