"""Publishing: what stands in the other database is what stands in the warehouse, with keys and comments, always."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.run.publishing import Edition, Press

from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.errors import EngineError, LakeError
from asterism.run.land import processed_key
from asterism.run.rebuild import empty, rebuild, refresh
from asterism.run.replica import Replica
from asterism.run.session import Session


@pytest.fixture
def press(make_database: Callable[[], Database], tmp_path: Path) -> Iterator[Press]:
    made = Press(make_database(), tmp_path)
    made.pull()
    yield made
    made.close()


@pytest.fixture
def edition(press: Press, make_database: Callable[[], Database]) -> Iterator[Edition]:
    made = press.to(make_database())
    made.publish()
    yield made
    made.engine.close()


def test_a_first_publication_brings_every_table_whole(edition: Edition) -> None:
    assert edition.differences() == {}
    assert edition.rows("select count(*) from analysis.fact_order") == [(60,)]


def test_only_what_changed_is_sent(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 7 where id = 3")
    done = edition.publish()
    assert {each.table: (each.removed, each.added, each.how) for each in done.tables} == {
        "analysis.fact_order": (1, 2, "followed"),
        "analysis.per_staff": (1, 1, "followed"),
    }
    assert edition.differences() == {}
    assert edition.publish().tables == ()


def test_a_refresh_without_changes_moves_the_mark_alone(edition: Edition) -> None:
    edition.press.pull("update staff set team = 'a' where id = 1")
    done = edition.publish()
    assert (done.behind, edition.publish().refreshes) == (0, 0)


def test_tables_have_keys_indexes_comments_and_types(edition: Edition) -> None:
    kinds = edition.rows(
        "select conrelid::regclass::text, contype::text, condeferrable from pg_constraint "
        "where connamespace = 'analysis'::regnamespace and contype in ('p', 'u', 'f') order by 1, 2"
    )
    assert kinds == [
        ("analysis.dim_staff", "p", False),
        ("analysis.fact_order", "f", True),
        ("analysis.fact_order", "p", False),
        ("analysis.per_staff", "f", True),
        ("analysis.per_staff", "p", False),
        ("analysis.per_team", "u", False),  # a group without a team: its key is NULL
    ]
    indexes = [name for (name,) in edition.rows("select indexname from pg_indexes where schemaname = 'analysis'")]
    assert {"fact_order_staff_id_idx", "fact_order_current_idx"} <= set(indexes)
    comments = (
        "select obj_description('analysis.fact_order'::regclass), col_description('analysis.fact_order'::regclass, 7)"
    )
    ((table, column),) = edition.rows(comments)
    assert table == "About fact_order: it's here."
    assert column.startswith("The refresh that brought this version")
    types = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'analysis.fact_order'::regclass"
    assert edition.rows(f"{types} and attnum > 0 order by attnum") == [
        (each,)
        for each in (
            "bigint", "integer", "integer", "numeric(10,2)", "timestamp without time zone", "text",
            "timestamp without time zone", "timestamp without time zone", "boolean",
        )
    ]  # fmt: skip


def test_a_key_that_becomes_null_later_is_taken_in(press: Press, make_database: Callable[[], Database]) -> None:
    press.pull("update staff set team = 'c' where team is null")
    edition = press.to(make_database())
    edition.publish()
    press.pull("insert into staff values (9, 'Di', null)")
    done = edition.publish()
    assert {each.how for each in done.tables if each.table == "analysis.per_team"} == {"compared"}
    press.pull("insert into staff values (10, 'Ed', null)", "delete from staff where id = 9")
    assert {each.how for each in edition.publish().tables} == {"followed"}
    assert edition.differences() == {}
    edition.engine.close()


def test_new_columns_come_with_their_values_and_views_of_others_stay(edition: Edition) -> None:
    edition.target.execute(
        "create view analysis.mine as select staff_id, name from analysis.dim_staff",
        "create role reader_of_stars",
        "grant select on analysis.dim_staff to reader_of_stars",
    )
    edition.press.edit("dim_staff", sql="select id as staff_id, team, name, length(name) as letters from s.staff")
    refresh(edition.press.warehouse)
    done = edition.publish()
    assert edition.differences() == {}
    assert edition.rows("select * from analysis.mine order by 1") == [(1, "Ana"), (2, "Bo"), (3, "Cy")]
    assert edition.rows("select has_table_privilege('reader_of_stars', 'analysis.dim_staff', 'select')") == [(True,)]
    assert [each.how for each in done.tables] == ["rewritten"]
    assert edition.rows("select count(*) from pg_constraint where contype = 'f'") == [(2,)]
    edition.target.execute("drop owned by reader_of_stars", "drop role reader_of_stars")


def test_who_began_to_read_before_an_edit_sees_what_was_then(edition: Edition) -> None:
    edition.press.edit("dim_staff", sql="select id as staff_id, upper(name) as name, team from s.staff")
    refresh(edition.press.warehouse)
    with edition.target.connect() as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from analysis.per_team")
        edition.publish()
        assert reader.execute("select string_agg(name, ' ' order by name) from analysis.dim_staff").fetchall() == [
            ("Ana Bo Cy",)
        ]
    assert edition.differences() == {}


def test_a_foreign_key_of_somebody_else_stays(edition: Edition) -> None:
    edition.target.execute(
        "create table public.note (staff_id int references analysis.dim_staff deferrable initially deferred)",
        "insert into public.note values (2)",
    )
    edition.press.edit("dim_staff", sql="select id as staff_id, name, team from s.staff")
    refresh(edition.press.warehouse)
    edition.publish()
    assert edition.differences() == {}
    assert edition.rows("select count(*) from pg_constraint where contype = 'f'") == [(3,)]


def test_a_column_that_a_view_reads_is_not_taken_away(edition: Edition) -> None:
    edition.target.execute("create view public.mine as select staff_id, name from analysis.dim_staff")
    edition.press.edit("dim_staff", sql="select id as staff_id, team from s.staff")
    refresh(edition.press.warehouse)
    with pytest.raises(EngineError, match="mine reads its column name, which dim_staff no longer has"):
        edition.publish()
    assert edition.rows("select count(*) from public.mine") == [(3,)]
    edition.target.execute("drop view public.mine")
    edition.publish()
    assert edition.differences() == {}


def test_a_type_or_a_key_that_changes_is_taken_over(edition: Edition) -> None:
    edition.press.edit("per_staff", sql=edition.press.models["per_staff"].sql.replace("sum(", "avg("))
    edition.press.edit("per_team", sql="select id, name, team from s.staff", key=("id",))
    edition.press.edit("dim_staff", sql="select cast(id as bigint) as staff_id, name from s.staff")
    refresh(edition.press.warehouse)
    edition.publish()
    assert edition.differences() == {}
    keys = "select contype::text from pg_constraint where conrelid = 'analysis.per_team'::regclass"
    assert edition.rows(f"{keys} and contype in ('p', 'u')") == [("p",)]


def test_a_history_that_is_edited_keeps_its_versions(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 1 where id < 4")
    edition.press.edit("fact_order", sql="select id, staff_id, amount * 2 as amount, at, 'x' as mark from s.orders")
    refresh(edition.press.warehouse)
    edition.press.pull("delete from orders where id = 5")
    edition.publish()
    assert edition.differences() == {}
    assert edition.rows("select count(*) > 100 from analysis.fact_order") == [(True,)]


def test_a_description_that_was_edited_is_the_comment_at_once(edition: Edition) -> None:
    edition.press.edit("dim_staff", description="Who works here.")
    edition.publish()
    assert edition.rows("select obj_description('analysis.dim_staff'::regclass)") == [("Who works here.",)]


def test_a_reference_that_is_not_met_costs_the_foreign_key_and_not_the_rows(edition: Edition) -> None:
    edition.press.pull("insert into orders values (99, 77, 1, null, null)")
    done = edition.publish()
    assert edition.differences() == {}
    assert "analysis.fact_order.staff_id: 1 rows refer to no row of analysis.dim_staff" in done.notices
    edition.press.pull("insert into staff values (77, 'Flo', 'z')")
    edition.publish(full=True)
    assert edition.rows("select count(*) from pg_constraint where contype = 'f'") == [(2,)]
    edition.press.pull("delete from staff where id = 77", "delete from orders where id = 99")
    edition.publish()
    assert edition.differences() == {}


def test_the_warehouse_made_anew_is_followed(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 1 where id = 7")
    rebuild(edition.press.warehouse, ("s",))
    done = edition.publish()
    assert {each.how for each in done.tables} == {"compared"}
    assert edition.differences() == {}
    edition.press.pull("update orders set amount = 2 where id = 7")
    assert {each.how for each in edition.publish().tables} == {"followed"}
    assert edition.differences() == {}


def test_a_warehouse_made_anew_that_counts_fewer_refreshes_is_followed_too(edition: Edition) -> None:
    for number in range(3):
        edition.press.edit("dim_staff", sql=f"select id as staff_id, name, {number} as n from s.staff")
        refresh(edition.press.warehouse)  # an edit is a refresh that a rebuild does not repeat
    edition.publish()
    edition.press.edit("dim_staff", sql="select id as staff_id, name, 9 as n from s.staff")
    rebuild(edition.press.warehouse, ("s",))
    assert {each.how for each in edition.publish().tables} == {"compared"}
    assert edition.differences() == {}


class FullLake:
    """A lake that fills up when a certain key is written."""

    def __init__(self, lake: ObstoreLake, last: str) -> None:
        self._lake, self._last = lake, last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def put(self, key: str, data: bytes | Path) -> None:
        if key == self._last:
            raise LakeError(key, "no space left")
        self._lake.put(key, data)


def test_a_rebuild_that_failed_half_way_leads_nobody_astray(edition: Edition) -> None:
    press = edition.press
    for number in range(3):
        press.pull(f"update orders set amount = {number} where id = 8")
    full: Any = FullLake(press.lake, processed_key(3))
    with pytest.raises(LakeError, match="no space left"):
        rebuild(replace(press.warehouse, lake=full, _compiled=None), ("s",))
    press.adopt()
    assert {each.how for each in edition.publish().tables} == {"compared"}  # notes of the second refresh are another's
    assert edition.differences() == {}


def test_after_a_reset_what_stands_is_kept_until_there_is_something_new(edition: Edition) -> None:
    press = edition.press
    with press.warehouse.session.transaction():
        empty(press.warehouse)
    press.lake.delete("raw")
    press.lake.delete("processed")
    assert edition.publish().waiting == ("dim_staff", "fact_order", "per_staff", "per_team")
    assert edition.rows("select count(*) from analysis.fact_order") == [(60,)]
    press.pull("delete from orders where id > 50")
    edition.publish()
    assert edition.differences() == {}


def test_without_notes_in_the_lake_models_are_compared(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 1 where id = 7")
    edition.press.lake.delete("processed")
    assert {each.how for each in edition.publish().tables} == {"compared"}
    assert edition.differences() == {}


def test_what_somebody_did_to_a_published_table_is_put_right(edition: Edition) -> None:
    edition.target.execute(
        "drop table analysis.per_team", "delete from analysis.fact_order where id < 10",
        "alter table analysis.dim_staff add column mine text",
    )  # fmt: skip
    edition.press.pull("update staff set name = 'Cleo', team = 'b' where id = 3")
    edition.publish()
    assert edition.differences().keys() == {"fact_order"}
    done = edition.publish(full=True)
    assert edition.differences() == {}
    assert {each.table: each.added for each in done.tables}["analysis.fact_order"] == 9


def test_a_table_of_somebody_else_is_left_alone(press: Press, make_database: Callable[[], Database]) -> None:
    edition = press.to(make_database())
    edition.target.execute("create schema analysis", "create table analysis.dim_staff (mine int)")
    with pytest.raises(EngineError, match="this publication did not make it"):
        edition.publish()
    assert edition.rows("select count(*) from pg_tables where schemaname in ('analysis', '_asterism')") == [(1,)]
    edition.engine.close()


def test_a_model_that_joins_or_leaves_a_publication(press: Press, make_database: Callable[[], Database]) -> None:
    target = make_database()
    few = press.to(target, "fact_order", "per_team")
    assert few.publish().notices == ()
    more = press.to(target, "fact_order", "dim_staff")
    done = more.publish()
    assert done.notices == ("analysis.per_team is published no longer: it stays as it is until somebody drops it",)
    assert more.differences() == {}
    assert more.rows("select count(*) from pg_constraint where contype = 'f'") == [(1,)]
    assert few.publish().tables[0].how == "compared"
    for each in (few, more):
        each.engine.close()


def test_two_publications_follow_each_at_its_own_pace(press: Press, make_database: Callable[[], Database]) -> None:
    one, other = press.to(make_database()), press.to(make_database(), "fact_order", schema="facts")
    one.publish()
    press.pull("update orders set amount = 5 where id = 5")
    other.publish()
    assert set(one.differences()) == {"fact_order", "per_staff"}
    one.publish()
    assert (one.differences(), other.differences()) == ({}, {})
    for each in (one, other):
        each.engine.close()


def test_a_warehouse_in_postgresql_publishes_into_its_own_database(
    make_database: Callable[[], Database], tmp_path: Path
) -> None:
    home = make_database()
    press = Press(make_database(), tmp_path, warehouse_url=home.url)
    press.pull()
    edition = press.to(home)
    edition.publish()
    press.pull("update orders set amount = amount + 1 where id < 9", "delete from orders where id = 30")
    edition.publish()
    assert edition.differences() == {}
    edition.engine.close()
    press.close()


def test_who_is_behind_follows_refresh_by_refresh_and_who_is_far_behind_compares(edition: Edition) -> None:
    for number in range(5):
        edition.press.pull(f"update orders set amount = {number} where id = 11")
    publisher = replace(edition.publisher(), most=2)
    assert [publisher.step().behind for _ in range(3)] == [3, 1, 0]
    for number in range(5):
        edition.press.pull(f"update orders set amount = {number} where id = 12")
    done = replace(edition.publisher(), backlog=3).run()
    assert {each.how for each in done.tables} == {"compared"}
    assert edition.differences() == {}


def test_another_process_that_was_quicker_is_noticed(edition: Edition) -> None:
    edition.press.pull("update orders set amount = 5 where id = 5")
    slow, engine = edition.publisher(), PostgresEngine(edition.target.url)
    read = slow.replica.mark

    class Slow(Replica):
        overtaken = False

        def mark(self):  # type: ignore[no-untyped-def]
            found = read()
            if not self.overtaken:
                self.overtaken = True
                edition.publish()
            return found

    slow.replica = Slow(Session(engine), "small/stars")
    assert slow.run().tables == ()
    assert edition.differences() == {}
    engine.close()


CHANGES = st.one_of(
    st.builds("update orders set amount = {1} where id % 7 = {0}".format, st.integers(0, 6), st.integers(-9, 9)),
    st.builds("delete from orders where id % 11 = {0}".format, st.integers(0, 10)),
    st.builds(
        "insert into orders values ({0}, {1}, {2}, null, 'x') on conflict (id) do update set staff_id = {1}".format,
        st.integers(1, 90), st.integers(1, 5), st.integers(0, 99),
    ),
    st.builds(
        "insert into staff values ({0}, '{1}', {2}) on conflict (id) do update set name = '{1}', team = {2}".format,
        st.integers(1, 5), st.sampled_from("ABC"), st.sampled_from(("null", "'a'", "'b'")),
    ),
    st.builds("delete from staff where id = {0}".format, st.integers(1, 5)),
)  # fmt: skip
STEPS = st.lists(st.one_of(CHANGES, st.sampled_from(("publish", "full", "rebuild", "column"))), min_size=2, max_size=10)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_the_replica_is_equal_in_the_end(
    steps: list[str], make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> None:
    press = Press(make_database(), tmp_path_factory.mktemp("press"))
    press.pull()
    edition = press.to(make_database())
    for number, step in enumerate(["publish", *steps, "publish"]):
        if step in {"publish", "full"}:
            edition.publish(full=step == "full")
            assert edition.differences() == {}
        elif step == "rebuild":
            rebuild(press.warehouse, ("s",))
        elif step == "column":
            press.edit("dim_staff", sql=f"select id as staff_id, name, {number} as c{number % 3} from s.staff")
            refresh(press.warehouse)
        else:
            press.pull(step)
    edition.engine.close()
    press.close()
