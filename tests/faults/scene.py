"""totesys under fire: a copy of the example, a source that lives, and a look at what the warehouse made of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

from conftest import Database

from asterism.errors import AsterismError
from asterism.project.load import Project, load
from asterism.run.pull import pull
from asterism.run.simulate import prepare, simulate
from asterism.run.verify import verify
from asterism.run.warehouse import Warehouse
from asterism.wire import Wiring

EXAMPLE = Path(__file__).parents[2] / "examples" / "totesys"
ASTERISM = Path(sys.executable).with_name("asterism")
_SHRINK = """
delete from payment where transaction_id not in (select transaction_id from transaction order by 1 desc limit {keep});
delete from transaction where transaction_id not in (select transaction_id from payment);
delete from sales_order where sales_order_id not in
    (select sales_order_id from transaction where sales_order_id is not null);
delete from purchase_order where purchase_order_id not in
    (select purchase_order_id from transaction where purchase_order_id is not null)
"""


@dataclass(frozen=True)
class Scene:
    """A copy of the example on one stage, its source a database of the tests' server."""

    root: Path
    source: Database
    stage: str = "dev"
    warehouse_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        given = {**os.environ, "TOTESYS_URL": self.source.url}
        return given | ({"WAREHOUSE_URL": self.warehouse_url} if self.warehouse_url else {})

    def load(self) -> Project:
        return load(self.root, self.stage, self.environment)

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run a command; answer what it printed: its errors too where it is to fail."""
        command = [str(ASTERISM), *arguments, "--project", str(self.root), "--stage", self.stage]
        given = self.environment | environment
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=300)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    @contextmanager
    def open(self) -> Iterator[tuple[Warehouse, Callable[..., Any]]]:
        """The warehouse in this process, and a function that pulls into it."""
        project = self.load()
        (declared,) = project.pulls
        with Wiring(project.stage) as wiring:
            models = tuple(project.models.values())
            warehouse = Warehouse(wiring.engine(), wiring.lake(), wiring.parquet(), models)
            yield warehouse, lambda **more: pull(warehouse, declared, wiring.source(declared), **more)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def copied(root: Path, source: Database, *, chunk_rows: int | None = None, **more: Any) -> Scene:
    """A copy of the example in `root`."""
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    scene = Scene(root, source, **more)
    if chunk_rows is not None:
        scene.edit("platform.py", 'schema="public"', f'schema="public", chunk_rows={chunk_rows}')
    return scene


def settle(scene: Scene, *, keep: int | None = None) -> None:
    """Make the source's tables, with `keep` orders, or with all of them."""

    def fill() -> None:
        project = scene.load()
        (simulator,) = project.simulators
        with Wiring(project.stage) as wiring:
            prepare(simulator, wiring.player(simulator), seed=7)

    scene.source.as_before("totesys", fill)
    if keep is not None:
        scene.source.execute(*_SHRINK.format(keep=keep).split(";"))


class Life:
    """The simulated life of a source, on a thread, until stopped; it can be paused, transactions hanging open."""

    def __init__(self, scene: Scene, seed: int, *, pause: float = 0.004) -> None:
        self._scene, self._seed, self._pause = scene, seed, pause
        self._going, self._paused, self._over = Event(), Event(), Event()
        self._thread = Thread(target=self._live, name="life")
        self.committed = 0
        self.error: AsterismError | None = None

    @contextmanager
    def lived(self) -> Iterator[Life]:
        self._going.set()
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._going.set()
            self._thread.join()
        assert self.error is None, self.error

    def pause(self) -> None:
        """Return once nothing more is committed."""
        self._paused.clear()
        self._going.clear()
        while not self._paused.wait(0.05):
            assert self._thread.is_alive(), self.error

    def go_on(self) -> None:
        self._going.set()

    def _live(self) -> None:
        project = self._scene.load()
        (simulator,) = project.simulators
        try:
            with Wiring(project.stage) as wiring:
                simulate(
                    simulator, wiring.player(simulator), speed=0, seed=self._seed,
                    stopped=self._over.is_set, on_commit=self._after,
                )  # fmt: skip
        except AsterismError as error:
            self.error = error

    def _after(self, _: object) -> None:
        self.committed += 1
        time.sleep(self._pause)
        if not self._going.is_set():
            self._paused.set()
            self._going.wait()


def behind(warehouse: Warehouse, source: Database, *, deletions: bool = True) -> list[str]:
    """What the raw tables lack of the source, and have beyond it; without `deletions`, deleted rows may stay."""
    found = []
    ledger = warehouse.ledger.raw_keys()
    ((at_source,),) = source.rows(
        "select count(*) from pg_tables where schemaname = 'public' and tablename <> '_prisma_migrations'"
    )
    if len(ledger) != at_source:
        found.append(f"{len(ledger)} of {at_source} tables")
    kinds = {
        (table, column): kind
        for table, column, kind in source.rows(
            "select table_name::text, column_name::text, data_type::text from information_schema.columns "
            "where table_schema = 'public'"
        )
    }
    for table, key in ledger.items():
        columns = [column.name for column in warehouse.engine.columns(table)]
        names = ", ".join(f'"{name}"' for name in columns)
        short = table.partition(".")[2]
        there = Counter(source.rows(f'select {_plainly(kinds, short, columns)} from public."{short}"'))
        here = Counter(warehouse.session.rows(f'select {names} from totesys."{short}"'))
        places = [columns.index(name) for name in key]
        keys = {tuple(row[place] for place in places) for row in there}
        unexpected = here - there
        if not deletions:
            unexpected = Counter({row: n for row, n in unexpected.items() if tuple(row[p] for p in places) in keys})
        found += [f"{table} lacks {row}" for row in there - here] + [f"{table} has {row}" for row in unexpected]
    return found


def _plainly(kinds: dict[tuple[str, str], str], table: str, columns: list[str]) -> str:
    """The columns as the warehouse has them: an enum is text."""
    return ", ".join(f'"{name}"::text' if kinds[table, name] == "USER-DEFINED" else f'"{name}"' for name in columns)


def contents(warehouse: Warehouse) -> dict[str, Counter[tuple[Any, ...]]]:
    """Every table of the warehouse but the ledger: all rows, all columns, the bookkeeping of versions too."""
    names = [*warehouse.ledger.raw_keys(), *warehouse.ledger.models()]
    assert len(names) >= 22
    quoted = {name: ".".join(f'"{part}"' for part in name.split(".")) for name in names}
    return {name: Counter(warehouse.engine.rows(f"select * from {table}")) for name, table in quoted.items()}


def differences(warehouse: Warehouse) -> dict[str, int]:
    """What `verify` finds."""
    return {each.table: each.count for each in verify(warehouse) if each.count}


def draw(seed: int) -> Random:
    return Random(seed)
