"""One process at a time changes a warehouse in BigQuery; what one that was killed left half done is undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from asterism.adapters.gcp.bigquery.engine import BigQueryEngine
from asterism.conform.engine import Stream
from asterism.declare.table import Column
from asterism.errors import LockedError
from asterism.plan.translate import translate

NUMBER = (Column("a", "INTEGER"),)
VICTIM = """\
import os, signal, sys
from asterism.adapters.gcp.bigquery.engine import BigQueryEngine

engine, when = BigQueryEngine(sys.argv[1]), sys.argv[2]

def here(phase):
    print(phase, flush=True)
    if phase == when:
        os.kill(os.getpid(), signal.SIGKILL if when != "stopped" else signal.SIGSTOP)

end = engine._turn.end
engine._turn.end = lambda: (engine._turn.taken and here("committed"), end())
with engine.transaction():
    engine.execute("INSERT INTO `kept` (`a`) VALUES (2)")
    here("written")
    engine.execute("DROP TABLE `gone`")
    engine.execute("CREATE TABLE `gone` (`b` STRING)")
    engine.execute("CREATE TABLE `made` (`a` INT64)")
    engine.execute("ALTER TABLE `kept` ADD COLUMN `b` STRING")
    here("changed")
    engine.execute("INSERT INTO `gone` VALUES ('new')")
    here("stopped")
"""


def say(sql: str) -> str:
    return translate(sql, "bigquery")


@pytest.fixture
def dataset(make_dataset: Callable[[], str]) -> str:
    uri = make_dataset()
    with opened(uri) as engine:
        for name in ("kept", "gone"):
            engine.load(name, NUMBER, Stream("SELECT 1 AS a"))
    return uri


@contextmanager
def opened(uri: str, patience: float = 60.0) -> Iterator[BigQueryEngine]:
    engine = BigQueryEngine(uri, patience=patience)
    yield engine
    engine.close()


def victim(uri: str, when: str) -> subprocess.Popen[str]:
    """A process in the middle of a transaction, killed or stopped."""
    process = subprocess.Popen([sys.executable, "-c", VICTIM, uri, when], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline().strip() != when:
        assert process.poll() is None, f"it ended before it was {when}"
    return process


def stands(engine: BigQueryEngine) -> dict[str, list[tuple[object, ...]]]:
    return {name: engine.rows(say(f"SELECT * FROM {name}")) for name in ("kept", "gone") if engine.columns(name)}


@pytest.mark.parametrize("when", ["written", "changed"])
def test_what_a_killed_process_left_half_done_is_undone_by_the_next(dataset: str, when: str) -> None:
    with victim(dataset, when) as process:
        assert process.wait(60) == -signal.SIGKILL
    with opened(dataset) as engine:
        assert stands(engine) == {"kept": [(1,)], "gone": [(1,)]}
        assert engine.columns("kept") == engine.columns("gone") == NUMBER
        with engine.transaction():  # an empty table that it made is taken over, and nobody has to wait
            engine.execute(say("CREATE TABLE made (b VARCHAR)"))
            engine.execute(say("INSERT INTO kept VALUES (3)"))
        assert engine.rows(say("SELECT a FROM kept ORDER BY a")) == [(1,), (3,)]


def test_what_a_killed_process_has_committed_stays(dataset: str) -> None:
    with victim(dataset, "committed") as process:
        assert process.wait(60) == -signal.SIGKILL
    with opened(dataset) as engine:
        assert sorted(engine.rows(say("SELECT a FROM kept"))) == [(1,), (2,)]
        assert engine.rows(say("SELECT b FROM gone")) == [("new",)]


def test_who_comes_second_waits_and_is_refused(dataset: str) -> None:
    with opened(dataset, patience=4.0) as first, opened(dataset, patience=4.0) as second:
        with first.transaction():
            first.execute(say("INSERT INTO kept VALUES (2)"))
            with pytest.raises(LockedError, match=f"process {os.getpid()} on .* works in it"), second.transaction():
                pass
        with second.transaction():
            second.execute(say("INSERT INTO kept VALUES (3)"))


def test_who_read_before_another_wrote_changes_nothing(dataset: str) -> None:
    with opened(dataset) as first, opened(dataset) as second, first.transaction():
        ((count,),) = first.rows(say("SELECT count(*) FROM kept"))
        with second.transaction():
            second.execute(say("INSERT INTO kept VALUES (7)"))
        with pytest.raises(LockedError, match="another process works in it"):
            first.execute(say("INSERT INTO kept VALUES ($1)"), [count])


def test_one_that_is_not_heard_of_loses_its_turn_and_undoes_nothing_of_the_next(dataset: str) -> None:
    with victim(dataset, "stopped") as process, opened(dataset, patience=1.0) as engine:
        time.sleep(1.5)
        with engine.transaction():
            assert stands(engine) == {"kept": [(1,)], "gone": [(1,)]}
            engine.execute(say("CREATE TABLE made (a INTEGER)"))
            engine.execute(say("INSERT INTO made VALUES (5)"))
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 1
        assert engine.rows(say("SELECT a FROM made")) == [(5,)]
        assert stands(engine) == {"kept": [(1,)], "gone": [(1,)]}
