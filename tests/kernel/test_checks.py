"""Checks of models: each kind, met and failed, that warn and that stop, on both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.declare.model import Check, Model, Reference
from asterism.ports.engine import Engine
from kernel.laboratory import Laboratory, Row, model, table

TABLES = (
    table("r.sale", "id", id="INTEGER", amount="INTEGER", status="VARCHAR", staff="INTEGER"),
    table("r.staff", "id", id="INTEGER", called="VARCHAR"),
)
POSITIVE = Check("amount >= 0", 4)
GIVEN = Check("amount is not null", 4)
ACCEPTED = Check("status in ('open', 'paid')", 4)
UNIQUE = Check("unique(status, staff)", 4, unique=("status", "staff"))
KNOWN = Check("staff -> dim_staff", 4, reference=Reference("staff", "dim_staff"))

GOOD = (1, 10, "open", 7)
FAILING: dict[Check, Row] = {
    POSITIVE: (2, -5, "paid", 7),
    GIVEN: (2, None, "paid", 7),
    ACCEPTED: (2, 5, "lost", 7),
    UNIQUE: (2, 5, "open", 7),
    KNOWN: (2, 5, "paid", 8),
}
PASSING = (2, 5, "paid", 7)
UNKNOWN = (3, None, None, None)
"""Meets every check but GIVEN: what is not known cannot be wrong."""


@pytest.fixture(params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.getfixturevalue(f"fresh_{request.param}")()
    return made


def models(*checks: Check, history: bool = False) -> list[Model]:
    """Sales with checks, which are made before the staff were it not for a check; a mart behind; another beside."""
    sale = model("a_sale", "select * from r.sale", "id", history=history)
    return [
        replace(sale, checks=checks),
        model("dim_staff", "select * from r.staff", "id", kind="dimension"),
        model("per_status", "select status, count(*) as n from a_sale group by status", "status"),
        model("beside", "select id, amount from r.sale", "id"),
    ]


def laboratory(engine: Engine, *checks: Check, history: bool = False) -> Laboratory:
    made = Laboratory(engine, TABLES, models(*checks, history=history))
    made.step(sales(GOOD) | {"r.staff": ([(7, "Seven")], [])})
    assert state(made) == "current"
    return made


def sales(*rows: Row, gone: tuple[int, ...] = ()) -> dict[str, Any]:
    return {"r.sale": (rows, [(each,) for each in gone])}


def state(made: Laboratory, name: str = "a_sale") -> str:
    return made.ledger.models()[name].state


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("check", FAILING, ids=lambda each: each.text)
def test_a_check_that_stops_holds_the_model_and_what_is_behind_it(engine: Engine, check: Check, history: bool) -> None:
    made = laboratory(engine, check, history=history)
    made.step(sales(PASSING))
    made.step(sales(FAILING[check]))
    assert (state(made), state(made, "per_status"), state(made, "beside")) == ("held", "held", "current")
    assert f"the check `{check.text}`" in made.ledger.models()["a_sale"].error
    where = " where is_current" if history else ""
    assert made.rows(f"select id, amount, status, staff from a_sale{where} order by id") == [GOOD, PASSING]
    assert made.ledger.warnings() == ()
    made.step(sales(PASSING))
    assert (state(made), state(made, "per_status")) == ("current", "current")


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("check", FAILING, ids=lambda each: each.text)
def test_a_check_that_warns_is_remembered_until_it_passes(engine: Engine, check: Check, history: bool) -> None:
    warns = replace(check, stops=False)
    made = laboratory(engine, warns, history=history)
    told = made.step(sales(FAILING[check])).notices
    assert len(told) == 1
    assert "id = 2" in told[0]
    assert state(made) == "current"
    (first,) = made.ledger.warnings()
    assert (first.model, first.check) == ("a_sale", check.text)
    assert made.step(sales((9, 1, "paid", None))).notices == []
    assert made.ledger.warnings() == (first,)
    assert made.step(sales(PASSING)).notices == [f"a_sale: the check `{check.text}` passes again"]
    assert made.ledger.warnings() == ()


@pytest.mark.parametrize("check", FAILING, ids=lambda each: each.text)
def test_the_first_build_checks_the_whole_table(engine: Engine, check: Check) -> None:
    made = Laboratory(engine, TABLES, models(check))
    made.step(sales(GOOD, FAILING[check]) | {"r.staff": ([(7, "Seven")], [])})
    assert state(made) == "held"
    made.step(sales(PASSING))
    assert state(made) == "current"


def test_a_check_that_is_added_or_changed_looks_at_the_rows_that_are_there(engine: Engine) -> None:
    made = laboratory(engine)
    made.step(sales((2, -5, "paid", 7)))
    made.edit(*models(replace(POSITIVE, stops=False)))
    assert made.step().notices == ["a_sale: 1 row fails the check `amount >= 0`: id = 2"]
    made.edit(*models(POSITIVE))
    made.step()
    assert state(made) == "held"
    made.edit(*models())
    made.step()
    assert state(made) == "current"
    assert made.ledger.warnings() == ()


def test_what_is_null_fails_no_check_but_the_one_for_null(engine: Engine) -> None:
    made = laboratory(engine, POSITIVE, ACCEPTED, UNIQUE, KNOWN)
    made.step(sales(UNKNOWN, (4, None, "open", None), (5, None, "open", None)))
    assert state(made) == "current"


def test_five_failing_rows_are_named_and_all_are_counted(engine: Engine) -> None:
    made = laboratory(engine, POSITIVE)
    made.step(sales(*((number, -1, "open", 7) for number in range(10, 17))))
    assert made.ledger.models()["a_sale"].error == (
        "7 new rows fail the check `amount >= 0`: id = 10; id = 11; id = 12; id = 13; id = 14; …"
    )


def test_a_row_and_what_it_refers_to_may_come_in_one_batch(engine: Engine) -> None:
    made = laboratory(engine, KNOWN)
    made.step(sales((2, 5, "paid", 8)) | {"r.staff": ([(8, "Eight")], [])})
    assert state(made) == "current"


def test_a_model_that_waits_for_what_it_refers_to_goes_on_when_that_arrives(engine: Engine) -> None:
    made = laboratory(engine, KNOWN)
    made.step(sales((2, 5, "paid", 8)))
    assert state(made) == "held"
    made.step({"r.staff": ([(8, "Eight")], [])})
    assert (state(made), state(made, "per_status")) == ("current", "current")


def test_a_warning_passes_when_what_it_refers_to_arrives(engine: Engine) -> None:
    made = laboratory(engine, replace(KNOWN, stops=False))
    made.step(sales((2, 5, "paid", 8)))
    made.step({"r.staff": ([(8, "Eight")], [])})
    assert made.ledger.warnings() == ()


def test_a_check_may_refer_to_a_table_of_a_source(engine: Engine) -> None:
    made = laboratory(engine, Check("staff -> r.staff", 4, reference=Reference("staff", "r.staff")))
    made.step(sales((2, 5, "paid", 8)))
    assert state(made) == "held"
    made.step({"r.staff": ([(8, "Eight")], [])})
    assert state(made) == "current"


def test_a_check_that_cannot_be_evaluated_holds_its_model_alone(engine: Engine) -> None:
    made = laboratory(engine)
    made.edit(*models(Check("no_such_function(amount)", 4)))
    made.step()
    assert (state(made), state(made, "beside")) == ("held", "current")


class Overheard(DuckDBEngine):
    """DuckDB, with the SELECTs it is asked."""

    asked: list[str]

    def rows(self, query: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        self.asked = [*getattr(self, "asked", []), query]
        return super().rows(query, parameters)


def test_a_condition_is_asked_of_the_change_alone() -> None:
    engine = Overheard()
    made = laboratory(engine, POSITIVE, ACCEPTED)
    engine.asked.clear()
    made.step(sales(PASSING))
    checking = [each for each in engine.asked if '"amount" >= 0' in each]
    assert len(checking) == 1
    assert '"a_sale"' not in checking[0]
    engine.close()
