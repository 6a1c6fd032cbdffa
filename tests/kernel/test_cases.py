"""Each case that the design names, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.declare.model import Reference
from asterism.ports.engine import Engine
from kernel.cases import CASES, START, Case, gone, put
from kernel.laboratory import Laboratory, model, table
from kernel.mutants import MUTANTS

NAMES = [case.name for case in CASES]


def follow(engine: Engine, case: Case, mutant: str | None = None) -> None:
    laboratory = Laboratory(engine, case.tables, case.models, MUTANTS[mutant] if mutant else None)
    for batch in case.batches:
        laboratory.step(batch)
        assert not laboratory.held, laboratory.held
    assert laboratory.maintenance(case.models[-1].name).startswith(case.how)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_case_is_right_on_duckdb(case: Case, fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    follow(fresh_duckdb(), case)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_case_is_right_on_postgresql(case: Case, fresh_postgres: Callable[[], PostgresEngine]) -> None:
    follow(fresh_postgres(), case)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_spoiled_scope_pass_is_noticed(mutant: str, fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    """Every way in which the scope pass could be wrong makes some case fail."""
    for case in CASES:
        try:
            follow(fresh_duckdb(), case, mutant)
        except AssertionError:
            return
    pytest.fail(f"no case notices that {mutant}")


def test_a_violated_key_holds_the_model_and_its_descendants_and_nothing_else(
    fresh_duckdb: Callable[[], DuckDBEngine],
) -> None:
    models = [
        model("m", "select x as id, g from r.a where x is not null", "id"),
        model("after_m", "select g, count(*) as n from m group by g", "g"),
        model("beside", "select k, g from r.a", "k"),
    ]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(START)
    laboratory.step(put(a=[(5, 1, "z")]))
    states = laboratory.ledger.models()
    assert states["m"].state == "held"
    assert "two rows have the key id = 1" in states["m"].error
    assert (states["after_m"].state, states["after_m"].error) == ("held", "waits for m")
    assert states["beside"].state == "current"
    assert laboratory.rows("select count(*) from m") == [(3,)], "the last good state stays"
    assert laboratory.rows("select count(*) from beside") == [(5,)]
    laboratory.step(put(b=[(1, 1, "other")]))
    assert laboratory.ledger.models()["m"].state == "held", "nothing it reads has moved"
    laboratory.step(gone(a=[(1,)]))
    states = laboratory.ledger.models()
    assert {states[each].state for each in ("m", "after_m", "beside")} == {"current"}
    assert laboratory.rows("select g from m where id = 1") == [("z",)]


def test_a_violated_key_is_noticed_where_the_scope_is_not_the_key(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    """Windows are maintained by partition, so two partitions could each add a row of one key."""
    models = [model("m", "select x, g, count(*) over (partition by g) as n from r.a where x is not null", "x")]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(put(a=[(1, 1, "p"), (2, 2, "q")]))
    laboratory.step(put(a=[(3, 1, "q")]))
    assert laboratory.ledger.models()["m"].state == "held"
    laboratory.step(gone(a=[(1,)]))
    assert laboratory.ledger.models()["m"].state == "current"


@pytest.mark.parametrize("kind", ["double", "bigint"])
@pytest.mark.parametrize("start", ["fresh_duckdb", "fresh_postgres"])
def test_a_row_that_is_made_twice_is_noticed_where_one_like_it_is_stored(
    start: str, kind: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(start)()
    models = [model("m", f"select x as id, cast(x as {kind}) as v from r.a where x is not null", "id")]
    laboratory = Laboratory(engine, CASES[0].tables, models)
    laboratory.step(put(a=[(1, 1, "p"), (2, 2, "q")]))
    laboratory.step(put(a=[(3, 1, "q")]))
    states = laboratory.ledger.models()
    assert "two rows have the key id = 1" in states["m"].error
    laboratory.step(gone(a=[(3,)]))
    assert laboratory.ledger.models()["m"].state == "current"


def test_an_edited_model_is_rebuilt_and_what_follows_with_it(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    models = [model("m", "select k, x from r.a", "k"), model("n", "select x, count(*) as c from m group by x", "x")]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(START)
    laboratory.edit(model("m", "select k, x, g from r.a where k > 1", "k"))
    laboratory.step()
    assert laboratory.rows("select count(*), count(g) from m") == [(3, 2)]
    assert laboratory.rows("select sum(c) from n") == [(3,)]


def test_an_edited_model_with_history_keeps_its_older_versions(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    models = [model("m", "select k, x from r.a", "k", history=True)]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(START)
    laboratory.edit(model("m", "select k, x, g from r.a", "k", history=True))
    laboratory.step()
    assert laboratory.rows("select count(*), count(*) filter (where is_current) from m") == [(7, 4)], "one row has no g"


def test_the_clock_refreshes_a_model_when_its_day_ends_and_not_before(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    models = [
        model("m", "select k, current_date as today from r.a", "k"),
        model("n", "select today, count(*) as c from m group by 1", "today"),
    ]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(START)
    assert [each.table for each in laboratory.step().report] == []
    laboratory.moment = datetime(2024, 1, 1, 23, 59, 58)
    assert [each.table for each in laboratory.step().report] == []
    assert [each.table for each in laboratory.step().report] == ["m", "n"]
    assert str(laboratory.rows("select today, c from n")) == "[(datetime.date(2024, 1, 2), 4)]"


def test_a_dimension_row_stays_while_a_version_of_a_fact_refers_to_it(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    references = (Reference("x", "dim"),)
    models = [
        model("dim", "select k, h from r.b", "k", kind="dimension"),
        model("fact", "select k, x from r.a", "k", kind="fact", history=True, references=references),
    ]
    laboratory = Laboratory(fresh_duckdb(), CASES[0].tables, models)
    laboratory.step(START)
    laboratory.step(put(a=[(1, 2, "p")]) | gone(b=[(1,), (9,)]))
    assert laboratory.rows("select k from dim order by k") == [(1,), (2,), (9,)], "both are in versions"
    laboratory.step(put(b=[(50, 1, "u")]))
    laboratory.step(gone(b=[(50,)]))
    assert laboratory.rows("select k from dim order by k") == [(1,), (2,), (9,)], "nothing ever referred to 50"


def test_the_same_batch_twice_changes_nothing(fresh_duckdb: Callable[[], DuckDBEngine]) -> None:
    laboratory = Laboratory(
        fresh_duckdb(), CASES[0].tables, [model("m", "select g, sum(x) as s from r.a group by g", "g")]
    )
    laboratory.step(START)
    refresh = laboratory.step(START)
    assert not refresh.changes
    assert not refresh.report


def test_a_surrogate_key_is_the_same_integer_on_every_engine(
    fresh_postgres: Callable[[], PostgresEngine], fresh_duckdb: Callable[[], DuckDBEngine]
) -> None:
    models = [
        model("m", "select k, surrogate_key(k, g) as s, surrogate_key(x) as t, surrogate_key(w) as u from r.d", "k")
    ]
    tables = (table("r.d", "k", k="INTEGER", x="TIMESTAMP", g="VARCHAR", w="DECIMAL(10,2)"),)
    batch = {"r.d": ([(1, datetime(2024, 2, 3, 4, 5, 6, 700), "ü"), (2, None, None)], [])}
    batch = {"r.d": ([(*row, "1.50") for row in batch["r.d"][0]], [])}
    found = []
    for engine in (fresh_duckdb(), fresh_postgres()):
        laboratory = Laboratory(engine, tables, models)
        laboratory.step(batch)  # type: ignore[arg-type]
        found.append(laboratory.rows("select k, s, t, u from m order by k"))
    assert found[0] == found[1]
    assert all(0 <= value < 2**63 for row in found[0] for value in row[1:])


def test_computed_decimals_are_stored_as_duckdb_has_them(fresh_postgres: Callable[[], PostgresEngine]) -> None:
    kinds = {"w": "DECIMAL(10,2)", "q": "DECIMAL(8,3)", "n": "BIGINT", "long": "DECIMAL(38,12)"}
    tables = (table("r.d", "k", k="INTEGER", g="VARCHAR", **kinds),)
    models = [
        model("line", "select k, w, w * q as p, coalesce(w, 0) as c, long * long as square from r.d", "k"),
        model(
            "per",
            "select g, sum(p) as s, max(w) as m, sum(n) as n, round(sum(p) * 0.2, 3) as tax, avg(w) as middle, "
            "sum(long) as long, cast(sum(w) as decimal(20, 1)) as said from r.d join line using (k, w) group by g",
            "g",
        ),
        model("net", "select g, s - tax as net, lag(s) over (order by g) as last from per", "g", history=True),
        model("hashed", "select g, surrogate_key(s, m, n, long) as same from per", "g"),
    ]
    rows = [(1, "p", "1.25", "0.333", 7, "0.000000000001"), (2, "p", "10.00", "2.125", 2**53 + 1, "5")]
    more = [(2, "q", "0.05", "1.5", 1, "2"), (3, "r", None, "9.999", None, None)]
    found = []
    for engine in (DuckDBEngine(), fresh_postgres()):
        laboratory = Laboratory(engine, tables, models)
        laboratory.step({"r.d": (rows, [])})
        laboratory.step({"r.d": (more, [])})
        report = laboratory.step({"r.d": (rows, [(3,)])}).report
        assert {each.how for each in report} == {"incremental", "full"}, "no table is made anew for its types"
        stored = {column.name: column.type for each in models for column in engine.columns(each.name)}
        exact = laboratory.rows(
            "select p.g, s, m, n, tax, long, said, net, last, same from per as p join hashed as h "
            "on h.g = p.g join net as t on t.g = p.g and t.is_current order by p.g"
        )
        found.append((stored, exact, laboratory.rows("select middle from per order by g")))
    (ours, *values), (theirs, *others) = found
    # PostgreSQL has no integers of 128 bits, and a square of 38 digits and more keeps room before the point.
    assert (ours.pop("n"), theirs.pop("n")) == ("HUGEINT", "DECIMAL(38,0)")
    assert (ours.pop("square"), theirs.pop("square")) == ("DECIMAL(38,24)", "DECIMAL(38,10)")
    assert ours == theirs
    assert (ours["p"], ours["s"], ours["middle"]) == ("DECIMAL(18,5)", "DECIMAL(38,5)", "DOUBLE")
    assert values == others
