"""kill -9 at random moments of pull and refresh: nothing is lost, doubled or half done; the cursor is never ahead."""

from __future__ import annotations

import json
import mmap
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from conftest import Database
from faults.scene import ASTERISM, Life, Scene, behind, contents, copied, differences, settle
from faults.victim import LOADING, NOTE_SIZE, PHASES

VICTIM = Path(__file__).with_name("victim.py")
TARGETS = (None, "landing", "refreshing", "committing", "processed", None, "landed", "applying", "cursor", "manifest")
"""Where a kill is aimed at, in turn; None is any time at all."""
ONE_BY_ONE = ("landing", "manifest", "landed", "applying", "refreshing", "processed", "cursor", "committing")
_PATIENCE = 120.0


@dataclass
class Executioner:
    """Starts victims and kills them."""

    scene: Scene
    rng: Random
    deaths: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    committed: int = 0

    def kill(self, verb: str, target: str | None) -> str:
        """Kill a process that pulls or refreshes, soon after it entered the phase `target`; answer where it died."""
        note = self.scene.root.parent / "note"
        note.write_bytes(bytes(NOTE_SIZE))
        with note.open("r+b") as file, mmap.mmap(file.fileno(), NOTE_SIZE) as shared:
            process = self.victim(verb, note)
            self._wait(process, lambda: shared[0] != 0)
            if target is None:
                time.sleep(self.rng.uniform(0, 1.5))
            else:
                goal, passes = PHASES.index(target), self.rng.randint(1, 3)
                for _ in range(passes):
                    self._wait(process, lambda: shared[0] != goal)
                    self._wait(process, lambda: shared[0] == goal)
                time.sleep(self.rng.choice((0, 0, self.rng.uniform(0, 0.01))))
            assert process.poll() is None, process.communicate()[1]
            process.send_signal(signal.SIGKILL)
            process.communicate()
            where = ("load: " if shared[LOADING] else "") + PHASES[shared[0]]
        self.deaths[f"{verb}: {where}"] += 1
        return where

    def victim(self, verb: str, note: Path, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(VICTIM), str(self.scene.root), self.scene.stage, verb, str(note), *more]
        # No coverage: what is killed reports none, and a process that measures itself is slow to come up.
        environment = {name: value for name, value in self.scene.environment.items() if not name.startswith("COV")}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
        """Until it is so, or for so long: a phase may not come, as in polls that find nothing."""
        end = time.monotonic() + _PATIENCE
        while not until() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.0002)


def begin_anew(scene: Scene) -> None:
    """An empty warehouse and an empty lake."""
    shutil.rmtree(scene.root / ".asterism", ignore_errors=True)
    if scene.warehouse_url:
        Database(scene.warehouse_url).execute(
            "drop schema if exists _asterism, totesys, public cascade", "create schema public"
        )


def under_fire(scene: Scene, kills: int, *, seed: int, anew_every: int, refresh_every: int = 5) -> Executioner:
    """Kill and look, so many times; the source lives on meanwhile, and holds still while it is compared."""
    rng = Random(seed)
    executioner = Executioner(scene, rng)
    with Life(scene, seed).lived() as life:
        for number in range(kills):
            if number % anew_every == 0:
                begin_anew(scene)
            verb = "refresh" if number % refresh_every == refresh_every - 1 else "pull"
            target = TARGETS[number % len(TARGETS)] if verb == "pull" else rng.choice(("applying", "refreshing", None))
            where = executioner.kill(verb, target)
            if where.startswith("load: ") and rng.random() < 0.5:
                continue  # the load is resumed by the next one, to be killed as well
            life.pause()
            check(scene, where, reconcile=number % 3 == 2)
            executioner.checks += 1
            life.go_on()
    executioner.committed = life.committed
    return executioner


def check(scene: Scene, where: str, *, reconcile: bool) -> None:
    """Right after a kill, with the source at rest, an ordinary pull catches up completely."""
    with scene.open() as (warehouse, pull):
        pull()
        assert behind(warehouse, scene.source, deletions=False) == [], f"killed in {where}"
        if reconcile:
            pull(reconcile=True)
            assert behind(warehouse, scene.source) == [], f"killed in {where}"
            assert differences(warehouse) == {}, f"killed in {where}"


def final_check(scene: Scene) -> None:
    """By the command line: no difference, equal to the source, and the lake makes an equal warehouse."""
    scene("pull", "--reconcile")
    assert scene("verify").startswith("0 differences")
    with scene.open() as (warehouse, _):
        assert behind(warehouse, scene.source) == []
        before = contents(warehouse)
    scene("rebuild")
    with scene.open() as (warehouse, pull):
        after = contents(warehouse)
        assert differences(warehouse) == {}
        assert pull().removed == 0
    assert before.keys() == after.keys()
    for table, rows in before.items():
        assert rows == after[table], f"{table}: {[*(rows - after[table])][:3]} became {[*(after[table] - rows)][:3]}"


@pytest.mark.slow(37)
def test_nothing_is_lost_by_ten_kills(tmp_path: Path, database: Database) -> None:
    scene = copied(tmp_path / "totesys", database, chunk_rows=500)
    settle(scene, keep=600)
    under_fire(scene, 10, seed=20_260_101, anew_every=7)
    final_check(scene)


@pytest.mark.slow(30)
def test_nothing_is_lost_by_kills_with_postgresql_as_the_warehouse(
    tmp_path: Path, make_database: Callable[[], Database]
) -> None:
    scene = copied(
        tmp_path / "totesys", make_database(), chunk_rows=500, stage="warehouse", warehouse_url=make_database().url
    )
    settle(scene, keep=300)
    under_fire(scene, 4, seed=3, anew_every=4, refresh_every=4)
    final_check(scene)


def test_a_command_that_is_killed_is_repeated(tmp_path: Path, database: Database) -> None:
    """The real `asterism pull`, killed while it loads."""
    scene = copied(tmp_path / "totesys", database, chunk_rows=200)
    settle(scene, keep=300)
    command = [str(ASTERISM), "pull", "--project", str(scene.root), "--stage", scene.stage]
    process = subprocess.Popen(command, env=scene.environment)
    while len(manifests(scene)) < 3:
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert "loading" in scene("status")
    assert len(manifests(scene)) < 6
    scene("pull")
    with scene.open() as (warehouse, _):
        assert behind(warehouse, scene.source) == []
        assert differences(warehouse) == {}


def test_an_update_outlives_a_death_in_any_phase(ready: Scene) -> None:
    """One change, one death in exactly this phase: the warehouse is as it was, and then as it should be."""
    marked = "select count(*) from dim_staff where last_name like '%!'"
    for number, phase in enumerate(ONE_BY_ONE, 1):
        ready.source.execute(f"update staff set last_name = last_name || '!' where staff_id = {number}")
        die(ready, f"{phase}:1")
        with ready.open() as (warehouse, pull):
            assert warehouse.engine.rows(marked) == [(number - 1,)], phase
            pull()
            assert warehouse.engine.rows(marked) == [(number,)], phase
            assert behind(warehouse, ready.source) == [], phase
            assert differences(warehouse) == {}, phase


def test_a_batch_that_was_landed_and_never_committed_is_overwritten_even_by_an_empty_one(ready: Scene) -> None:
    """A row was landed, the process died, the row was deleted: the lake must not bring it back."""
    ready.source.execute("insert into design values (9999, default, now(), 'ghost', '/', 'g.json')")
    die(ready, "landed:1")
    ready.source.execute("delete from design where design_id = 9999")
    (ghost,) = [each for each in manifests(ready) if "totesys.design" in each.read_text()][-1:]
    with ready.open() as (warehouse, pull):
        assert pull().rows == 0
        assert json.loads(ghost.read_text())["tables"] == []
        before = contents(warehouse)
    ready("rebuild")
    with ready.open() as (warehouse, _):
        assert contents(warehouse) == before
        assert warehouse.engine.rows("select * from totesys.design where design_id = 9999") == []


def test_a_lake_with_batches_and_an_empty_warehouse_are_brought_together_by_rebuild(ready: Scene) -> None:
    with ready.open() as (warehouse, _):
        before = contents(warehouse)
    (ready.root / ".asterism/dev/warehouse.duckdb").unlink()
    said = ready("pull", code=1)
    assert "the lake holds batches of this source, and the warehouse knows nothing of them" in said
    assert "Run `asterism rebuild`" in said
    ready("rebuild")
    with ready.open() as (warehouse, pull):
        assert contents(warehouse) == before
        pull()
        assert behind(warehouse, ready.source) == []


@pytest.fixture
def ready(tmp_path: Path, database: Database) -> Scene:
    """A small totesys, pulled."""
    scene = copied(tmp_path / "totesys", database)
    settle(scene, keep=50)
    with scene.open() as (_, pull):
        pull()
    return scene


def die(scene: Scene, when: str) -> None:
    """Have a pull kill itself on entering a phase."""
    note = scene.root.parent / "note"
    note.write_bytes(bytes(NOTE_SIZE))
    process = Executioner(scene, Random(0)).victim("pull", note, when)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGKILL, said


def manifests(scene: Scene) -> list[Path]:
    return sorted((scene.root / ".asterism/dev/lake/raw/totesys/_manifests").glob("*.json"))
