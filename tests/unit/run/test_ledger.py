"""The ledger: made once, refused when it is newer, and told in the order of work."""

from __future__ import annotations

from datetime import datetime

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.errors import EngineError
from asterism.run.ledger import Ledger, ModelState, Position, Run
from asterism.run.session import Session

MOMENT = datetime(2024, 1, 1)


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger(Session(DuckDBEngine()))
    made.prepare()
    return made


def test_preparing_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.move("s", Position(3, {"a": 1}, loading=False, polled_at=MOMENT, reconciled_at=None))
    ledger.prepare()
    assert ledger.position("s") == Position(3, {"a": 1}, loading=False, polled_at=MOMENT, reconciled_at=None)


def test_a_ledger_of_a_newer_asterism_is_refused() -> None:
    session = Session(DuckDBEngine())
    Ledger(session).prepare()
    session.execute("INSERT INTO _asterism.version VALUES (99, NULL)")
    with pytest.raises(EngineError, match=r"it has version 99.*\n.*Upgrade Asterism"):
        Ledger(session).prepare()


def test_moments_only_grow(ledger: Ledger) -> None:
    seq, moment = ledger.begin_refresh(MOMENT)
    ledger.end_refresh(seq, moment)
    assert ledger.begin_refresh(datetime(2023, 1, 1)) == (2, datetime(2024, 1, 1, 0, 0, 0, 1))
    assert ledger.begin_refresh(datetime(2025, 1, 1)) == (2, datetime(2025, 1, 1))


def test_the_latest_state_of_a_model_is_kept(ledger: Ledger) -> None:
    ledger.note_models({"m": ModelState("f", "held", "why", MOMENT, None, None)})
    ledger.note_models(
        {"m": ModelState("f", "current", "", None, MOMENT, None), "n": ModelState("g", "current", "", None, None, None)}
    )
    assert {name: state.state for name, state in ledger.models().items()} == {"m": "current", "n": "current"}
    ledger.forget_model("n")
    assert list(ledger.models()) == ["m"]


def test_runs_come_newest_first(ledger: Ledger) -> None:
    for day in (1, 3, 2):
        ledger.note_run(Run(str(day), "pull", "s", datetime(2024, 1, day), 0.1, "ok"))
    assert [run.run_id for run in ledger.runs(2)] == ["3", "2"]
