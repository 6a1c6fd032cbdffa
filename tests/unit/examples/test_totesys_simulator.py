"""The simulator of examples/totesys, playing into a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from asterism.adapters.postgres.player import PostgresPlayer
from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.run.simulate import SimulateReport, prepare, simulate

TABLES = {
    "address": 30,
    "counterparty": 20,
    "currency": 3,
    "department": 8,
    "staff": 20,
    "payment_type": 4,
    "design": 473,
    "sales_order": 11_187,
    "purchase_order": 4_649,
    "transaction": 15_836,
    "payment": 15_836,
    "_prisma_migrations": 1,
}

Fresh = Callable[[], str]


@pytest.fixture
def player(filled: Fresh) -> Iterator[PostgresPlayer]:
    with closing(PostgresPlayer(filled())) as playing:
        yield playing


@pytest.fixture(scope="module")
def past(filled: Fresh) -> Iterator[PostgresPlayer]:
    """The history, for reading only."""
    with closing(PostgresPlayer(filled())) as playing:
        yield playing


def test_the_history_has_the_real_size(past: PostgresPlayer) -> None:
    assert {table: past.rows(f"select count(*) from {table}")[0][0] for table in TABLES} == TABLES


def test_every_order_has_one_transaction_and_one_payment_of_its_exact_amount(past: PostgresPlayer) -> None:
    sql = """
        select count(*), count(distinct coalesce(-sales_order_id, purchase_order_id)), count(payment_id),
            bool_and(payment_amount = coalesce(units_sold * unit_price, item_quantity * item_unit_price)),
            bool_and(payment_type_id = case transaction_type when 'SALE' then 1 else 3 end),
            bool_and(payment.created_at = coalesce(sales_order.created_at, purchase_order.created_at))
        from transaction left join payment using (transaction_id)
        left join sales_order using (sales_order_id) left join purchase_order using (purchase_order_id)
    """
    assert past.rows(sql) == [(15_836, 15_836, 15_836, True, True, True)]


def test_orders_are_made_in_working_hours_and_about_thirty_a_day(past: PostgresPlayer) -> None:
    sql = """
        select max(extract(isodow from created_at)::int), min(created_at)::date, max(created_at)::date,
            min(extract(hour from created_at)::int), max(extract(hour from created_at)::int),
            count(distinct created_at::date), bool_and(created_at = last_updated)
        from (
            select created_at, last_updated from sales_order union all
            select created_at, last_updated from purchase_order
        ) as orders
    """
    assert past.rows(sql) == [(5, date(2022, 11, 3), date(2024, 11, 15), 8, 18, 532, True)]


def test_goods_and_prices_lie_where_they_do(past: PostgresPlayer) -> None:
    sql = """
        select min(units_sold) >= 1001, max(units_sold) <= 99973, min(unit_price) >= 2, max(unit_price) <= 4,
            max(agreed_delivery_date::date - s.created_at::date) between 600 and 649,
            bool_and(agreed_delivery_date ~ '^\\d{4}-\\d\\d-\\d\\d$'),
            bool_and(design.created_at <= s.created_at)
        from sales_order as s join design using (design_id)
    """
    assert past.rows(sql) == [(True,) * 7]
    assert past.rows("select min(item_quantity) >= 1, max(item_quantity) <= 999 from purchase_order") == [(True, True)]


def test_a_payment_settles_at_five_to_eight_and_never_on_a_weekend(past: PostgresPlayer) -> None:
    sql = """
        select paid, extract(isodow from payment_date::date) > 5 as weekend, payment_date > '2024-11-15' as later,
            bool_and(to_char(last_updated, 'YYYY-MM-DD HH24:MI')
                     = case when paid then payment_date || ' 07:55' else to_char(created_at, 'YYYY-MM-DD HH24:MI') end)
        from payment group by 1, 2, 3 order by 1, 2, 3
    """
    assert past.rows(sql) == [
        (False, False, True, True),
        (False, True, False, True),
        (False, True, True, True),
        (True, False, False, True),
    ]


def test_one_seed_makes_one_database_and_another_makes_another(empty: Fresh, simulator: Simulator) -> None:
    first, second, third = (_contents(empty(), simulator, seed) for seed in (3, 3, 4))
    assert first == second
    assert first != third


def test_a_life_that_is_interrupted_goes_on_as_if_it_were_not(filled: Fresh, simulator: Simulator) -> None:
    def live(limits: list[int]) -> list[list[tuple[Any, ...]]]:
        url = filled()
        for limit in limits:
            with closing(PostgresPlayer(url)) as player:
                simulate(simulator, player, limit=limit, speed=0, seed=5)
        return _dump(url)

    # The first day's settlements are fewer than 17; no transaction of that time is held over a pause.
    assert live([12, 12]) == live([24])


def test_the_next_days_hold_everything_that_can_happen(player: PostgresPlayer, simulator: Simulator) -> None:
    report, played = _play(simulator, player, 400)
    assert report.transactions == 400
    assert report.begin is not None
    assert (report.begin.date(), report.begin.hour, report.begin.minute) == (date(2024, 11, 18), 7, 55)
    verbs = {
        statement.strip().split("\n")[0].split(" where ")[0].split(" set ")[0]
        for t in played
        for statement, _ in t.statements
    }
    assert {
        "insert into sales_order (",
        "insert into purchase_order (",
        "update payment",
        "update sales_order",
        "delete from sales_order",
        "delete from purchase_order",
        "update staff",
        "update address",
        "update counterparty",
    } <= verbs
    assert any(verb.startswith("insert into design") for verb in verbs)
    assert any(transaction.hold for transaction in played)
    sql = """
        select bool_and(payment_amount = units_sold * unit_price) from payment
        join transaction using (transaction_id) join sales_order using (sales_order_id)
    """
    assert player.rows(sql) == [(True,)]
    orphans = "select count(*) > 0 from transaction where sales_order_id is null and purchase_order_id is null"
    assert player.rows(orphans) == [(True,)]


def test_a_deleted_order_leaves_its_transaction_behind_untouched_by_hand(
    player: PostgresPlayer, simulator: Simulator
) -> None:
    _play(simulator, player, 200)
    sql = """
        select count(*) > 0, bool_and(last_updated = created_at)
        from transaction where sales_order_id is null and purchase_order_id is null
    """
    assert player.rows(sql) == [(True, True)]


def test_what_is_due_is_settled_in_the_morning_and_the_weekend_stays_unpaid(
    player: PostgresPlayer, simulator: Simulator
) -> None:
    due = player.rows("select count(*) from payment where not paid and payment_date = '2024-11-18'")[0][0]
    weekend = player.rows("select count(*) from payment where not paid and payment_date = '2024-11-17'")[0][0]
    assert 10 < due < 40
    _play(simulator, player, due)
    assert player.rows("select count(*) from payment where not paid and payment_date = '2024-11-18'") == [(0,)]
    assert player.rows("select count(*) from payment where not paid and payment_date = '2024-11-17'") == [(weekend,)]


def test_a_late_commit_lets_others_go_first(player: PostgresPlayer, simulator: Simulator) -> None:
    _, played = _play(simulator, player, 150)
    overtaken = [one for one, other in pairwise(played) if one.at > other.at]
    assert overtaken, "no transaction committed after one that began later"


def test_it_never_ends(player: PostgresPlayer, simulator: Simulator) -> None:
    life = simulator.live(Random(1), Database(player.rows))
    late = next(islice(life, 1_000, None))  # nothing is played, so that the same payments are due again and again
    assert late.at.date() > date(2024, 12, 1)
    assert late.at.weekday() < 5


def _play(simulator: Simulator, player: PostgresPlayer, limit: int) -> tuple[SimulateReport, list[Transaction]]:
    played: list[Transaction] = []
    return simulate(simulator, player, limit=limit, speed=0, seed=5, on_commit=played.append), played


def _contents(url: str, simulator: Simulator, seed: int) -> list[list[tuple[Any, ...]]]:
    with closing(PostgresPlayer(url)) as player:
        assert prepare(simulator, player, seed=seed)
        assert not prepare(simulator, player, seed=seed)
        simulate(simulator, player, limit=60, speed=0, seed=seed)
    return _dump(url)


def _dump(url: str) -> list[list[tuple[Any, ...]]]:
    with closing(PostgresPlayer(url)) as player:
        return [player.rows(f"select t::text from {table} as t order by 1") for table in TABLES]
