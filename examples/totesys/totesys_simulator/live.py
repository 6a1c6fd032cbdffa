"""The days after: orders, settled payments, new designs, late commits, corrections, deletions, and people who move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from asterism.simulators import Database, Transaction
from totesys_simulator import trade
from totesys_simulator.history import email
from totesys_simulator.people import NEW_LAST_NAMES
from totesys_simulator.trade import Shop, Terms

Statements = tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]

LATE = 0.1
"""How many of the orders commit late, some by more than half an hour."""

_LAST_MOMENT = """
select max(last_updated) from (
    select last_updated from payment union all select last_updated from design
    union all select last_updated from sales_order union all select last_updated from purchase_order
    union all select last_updated from staff union all select last_updated from address
) as everything
"""

_SALE = """
insert into sales_order (
    created_at, last_updated, staff_id, counterparty_id, currency_id, agreed_delivery_date, agreed_payment_date,
    agreed_delivery_location_id, units_sold, unit_price, design_id
) values ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_PURCHASE = """
insert into purchase_order (
    created_at, last_updated, staff_id, counterparty_id, currency_id, agreed_delivery_date, agreed_payment_date,
    agreed_delivery_location_id, item_code, item_quantity, item_unit_price
) values ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_TRANSACTION_OF_SALE = """
insert into transaction (created_at, last_updated, transaction_type, sales_order_id)
values ($1, $1, 'SALE', currval('sales_order_sales_order_id_seq'))
"""

_TRANSACTION_OF_PURCHASE = """
insert into transaction (created_at, last_updated, transaction_type, purchase_order_id)
values ($1, $1, 'PURCHASE', currval('purchase_order_purchase_order_id_seq'))
"""

_PAYMENT = """
insert into payment (
    created_at, last_updated, transaction_id, counterparty_id, payment_amount, currency_id, payment_type_id, paid,
    payment_date, company_ac_number, counterparty_ac_number
) values ($1, $1, currval('transaction_transaction_id_seq'), $2, $3, $4, $5, false, $6, $7, $8)
"""

_DESIGN = """
insert into design (created_at, last_updated, design_name, file_location, file_name) values ($1, $1, $2, $3, $4)
"""

_SETTLE = "update payment set paid = true, last_updated = $2 where payment_id = $1"

_CORRECT_ORDER = """
update sales_order set units_sold = $2, unit_price = $3, last_updated = $4 where sales_order_id = $1
"""

_CORRECT_PAYMENT = """
update payment set payment_amount = $2, last_updated = $3
where transaction_id = (select transaction_id from transaction where sales_order_id = $1)
"""

_IDS = """
select array(select staff_id from staff order by 1), array(select counterparty_id from counterparty order by 1),
    array(select currency_id from currency order by 1), array(select address_id from address order by 1),
    array(select design_id from design order by 1)
"""

_RECENT_SALES = "select sales_order_id from sales_order order by sales_order_id desc limit 100"
_RECENT_PURCHASES = "select purchase_order_id from purchase_order order by purchase_order_id desc limit 100"


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    late: bool
    happen: Callable[[Random, Database, datetime], Statements]


def live(rng: Random, database: Database) -> Iterator[Transaction]:
    """Go on from the last moment that the database knows, without end; weekends are silent.

    Each day, and each event in it, has a random source of its own, made from the seed and its time: what happens on a
    day depends on the seed and the database, not on when this simulator was started.
    """
    seed = rng.getrandbits(64)
    ((now,),) = database.rows(_LAST_MOMENT)
    day = now.date()
    while True:
        if trade.working(day):
            yield from _settlements(database, day, now)
            for event in _plan(Random(f"{seed} {day}"), day):
                if event.at > now:
                    own = Random(f"{seed} {event.at}")
                    hold = timedelta(seconds=own.randint(60, 2_400)) if event.late else timedelta(0)
                    statements = event.happen(own, database, event.at)
                    if statements:
                        yield Transaction(event.at, statements, hold)
        day += timedelta(days=1)


def _settlements(database: Database, day: date, now: datetime) -> Iterator[Transaction]:
    """Settle what is due on `day`, one by one from 07:55. What was due on a weekend stays unpaid."""
    at = max(datetime.combine(day, trade.SETTLING), now)
    unpaid = database.rows("select payment_id, payment_date from payment where not paid order by payment_id")
    for payment_id, due in unpaid:
        if due == day.isoformat():
            at += timedelta(seconds=1)
            yield Transaction(at, ((_SETTLE, ((payment_id, at),)),))


def _plan(rng: Random, day: date) -> Sequence[_Event]:
    """Say when what happens on a day."""
    kinds: list[tuple[int, Callable[[Random, Database, datetime], Statements]]] = [
        (rng.randint(17, 25), _sale),
        (rng.randint(6, 12), _purchase),
        (rng.choices((0, 1, 2), (30, 50, 20))[0], _design),
        (rng.randint(1, 4), _correction),
        (rng.choices((0, 1, 2), (30, 50, 20))[0], _cancelled_sale),
        (rng.choices((0, 1), (70, 30))[0], _cancelled_purchase),
        (rng.choices((0, 1), (75, 25))[0], _new_name),
        (rng.choices((0, 1), (85, 15))[0], _new_department),
        (rng.choices((0, 1), (75, 25))[0], _new_address),
        (rng.choices((0, 1), (85, 15))[0], _new_seat),
    ]
    times = {trade.moment(rng, day): happen for count, happen in kinds for _ in range(count)}
    orders = (_sale, _purchase)
    return [_Event(at, times[at] in orders and rng.random() < LATE, times[at]) for at in sorted(times)]


def _shop(database: Database) -> Shop:
    return Shop(*(tuple(ids) for ids in database.rows(_IDS)[0]))


def _agreed(at: datetime, agreed: Terms) -> tuple[Any, ...]:
    return (
        at,
        agreed.staff_id,
        agreed.counterparty_id,
        agreed.currency_id,
        agreed.delivery_date,
        agreed.payment_date,
        agreed.delivery_location_id,
    )


def _payment(at: datetime, agreed: Terms, amount: Decimal, kind: int) -> tuple[Any, ...]:
    return (
        at,
        agreed.counterparty_id,
        amount,
        agreed.currency_id,
        kind,
        agreed.payment_date,
        agreed.company_account,
        agreed.counterparty_account,
    )


def _sale(rng: Random, database: Database, at: datetime) -> Statements:
    shop = _shop(database)
    agreed = trade.terms(rng, at.date(), shop)
    units, price = trade.units(rng), trade.unit_price(rng)
    return (
        (_SALE, ((*_agreed(at, agreed), units, price, rng.choice(shop.designs)),)),
        (_TRANSACTION_OF_SALE, ((at,),)),
        (_PAYMENT, (_payment(at, agreed, units * price, 1),)),
    )


def _purchase(rng: Random, database: Database, at: datetime) -> Statements:
    agreed = trade.terms(rng, at.date(), _shop(database))
    code, quantity, price = trade.item_code(rng), trade.item_quantity(rng), trade.item_unit_price(rng)
    return (
        (_PURCHASE, ((*_agreed(at, agreed), code, quantity, price),)),
        (_TRANSACTION_OF_PURCHASE, ((at,),)),
        (_PAYMENT, (_payment(at, agreed, quantity * price, 3),)),
    )


def _design(rng: Random, _: Database, at: datetime) -> Statements:
    return ((_DESIGN, ((at, *trade.design(rng, at.date())),)),)


def _correction(rng: Random, database: Database, at: datetime) -> Statements:
    """Correct units and price of a recent sale; its payment follows."""
    recent = database.rows(_RECENT_SALES)
    if not recent:
        return ()
    order, units, price = rng.choice(recent)[0], trade.units(rng), trade.unit_price(rng)
    return (
        (_CORRECT_ORDER, ((order, units, price, at),)),
        (_CORRECT_PAYMENT, ((order, units * price, at),)),
    )


def _cancelled_sale(rng: Random, database: Database, _: datetime) -> Statements:
    """Delete a recent sale. Its transaction forgets it, and nobody touches that row's `last_updated`."""
    recent = database.rows(_RECENT_SALES)
    return (("delete from sales_order where sales_order_id = $1", (rng.choice(recent),)),) if recent else ()


def _cancelled_purchase(rng: Random, database: Database, _: datetime) -> Statements:
    recent = database.rows(_RECENT_PURCHASES)
    return (("delete from purchase_order where purchase_order_id = $1", (rng.choice(recent),)),) if recent else ()


def _new_name(rng: Random, database: Database, at: datetime) -> Statements:
    """Rename a member of staff: every order they made now shows the new name."""
    staff_id, first = rng.choice(database.rows("select staff_id, first_name from staff order by 1"))
    last = rng.choice(NEW_LAST_NAMES)
    sql = "update staff set last_name = $2, email_address = $3, last_updated = $4 where staff_id = $1"
    return ((sql, ((staff_id, last, email(first, last), at),)),)


def _new_department(rng: Random, database: Database, at: datetime) -> Statements:
    (staff_id,) = rng.choice(database.rows("select staff_id from staff order by 1"))
    (department_id,) = rng.choice(database.rows("select department_id from department order by 1"))
    sql = "update staff set department_id = $2, last_updated = $3 where staff_id = $1"
    return ((sql, ((staff_id, department_id, at),)),)


def _new_address(rng: Random, database: Database, at: datetime) -> Statements:
    """A house is renumbered: its location changes, and the counterparties that have their seat there."""
    address_id, line = rng.choice(database.rows("select address_id, address_line_1 from address order by 1"))
    sql = "update address set address_line_1 = $2, last_updated = $3 where address_id = $1"
    return ((sql, ((address_id, f"{line.split(', entrance')[0]}, entrance {rng.randint(1, 9)}", at),)),)


def _new_seat(rng: Random, database: Database, at: datetime) -> Statements:
    (counterparty_id,) = rng.choice(database.rows("select counterparty_id from counterparty order by 1"))
    (address_id,) = rng.choice(database.rows("select address_id from address order by 1"))
    sql = "update counterparty set legal_address_id = $2, last_updated = $3 where counterparty_id = $1"
    return ((sql, ((counterparty_id, address_id, at),)),)
