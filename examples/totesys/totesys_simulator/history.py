"""The past: an operational database of the real size, from 2022-11-03 to 2024-11-15."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from pathlib import Path
from random import Random
from typing import Any

from asterism.simulators import Database, Transaction
from totesys_simulator import trade
from totesys_simulator.people import ADDRESSES, COUNTERPARTIES, CURRENCIES, DEPARTMENTS, PAYMENT_TYPES, STAFF
from totesys_simulator.trade import Shop, Terms

FIRST_DAY = date(2022, 11, 3)
LAST_DAY = date(2024, 11, 15)
OPENING = datetime(2022, 11, 3, 7)
SALES = 11_187
PURCHASES = 4_649
DESIGNS_AT_FIRST = 10
DAYS_WITH_ONE_DESIGN = 263
DAYS_WITH_TWO_DESIGNS = 100

SCHEMA = Path(__file__).with_name("schema.sql")

Statement = tuple[str, tuple[tuple[Any, ...], ...]]


def prepare(rng: Random, database: Database) -> Iterator[Transaction]:
    """Make the whole database, in one transaction, unless it stands."""
    if database.rows("select 1 from pg_tables where schemaname = 'public' and tablename = 'sales_order'"):
        return
    days = [day for day in _calendar() if trade.working(day)]
    designs = _design_times(rng, days)
    yield Transaction(OPENING, (*_schema(), *_standing(), _designs(rng, designs), *_orders(rng, days, designs)))


@dataclass(frozen=True, slots=True)
class _Order:
    at: datetime
    sale: bool
    terms: Terms
    amount: Decimal
    goods: tuple[Any, ...]
    """units and price and design of a sale; code, quantity and price of a purchase."""


def _calendar() -> Iterator[date]:
    for offset in range((LAST_DAY - FIRST_DAY).days + 1):
        yield FIRST_DAY + timedelta(days=offset)


def _schema() -> list[Statement]:
    statements = (part.strip() for part in SCHEMA.read_text().split(";\n"))
    return [(statement, ((),)) for statement in statements if statement]


def _insert(table: str, columns: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> Statement:
    """One INSERT for all `rows`: a column travels as one array. `columns` are their types; ids count from 1."""
    names = ", ".join(columns)
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), 1))
    sql = f"insert into {table} ({names}) select * from unnest({arrays})"  # noqa: S608  names of this file
    return sql, (tuple(list(column) for column in zip(*rows, strict=True)),)


def _standing() -> list[Statement]:
    """Make the rows that stand from the first day."""
    stamps = {"created_at": "timestamp", "last_updated": "timestamp"}
    at = (OPENING, OPENING)
    address = ("address_line_1", "address_line_2", "district", "city", "postal_code", "country", "phone")
    counterparty = ("commercial_contact", "delivery_contact")
    return [
        (
            "insert into _prisma_migrations values ($1, $2, $3::timestamptz, $4, 1)",
            (("5b1d6a0e-0c7e-4a44-9a37-1f7f0c6a8e01", "0" * 64, OPENING.isoformat() + "Z", "20221103070000_opening"),),
        ),
        _insert("address", {**dict.fromkeys(address, "text"), **stamps}, [(*row, *at) for row in ADDRESSES]),
        _insert(
            "counterparty",
            {
                "counterparty_legal_name": "text",
                "legal_address_id": "int",
                **dict.fromkeys(counterparty, "text"),
                **stamps,
            },
            [(*row, *at) for row in COUNTERPARTIES],
        ),
        _insert("currency", {"currency_code": "text", **stamps}, [(code, *at) for code in CURRENCIES]),
        _insert(
            "department",
            {**dict.fromkeys(("department_name", "location", "manager"), "text"), **stamps},
            [(*row, *at) for row in DEPARTMENTS],
        ),
        _insert(
            "staff",
            {"first_name": "text", "last_name": "text", "department_id": "int", "email_address": "text", **stamps},
            [(first, last, department, email(first, last), *at) for first, last, department in STAFF],
        ),
        _insert(
            "payment_type",
            {"payment_type_name": "payment_type_enum", **stamps},
            [(name, *at) for name in PAYMENT_TYPES],
        ),
    ]


def email(first: str, last: str) -> str:
    """Compose the address of a member of staff."""
    return f"{first}.{last}@totesys.example".lower().replace("'", "")


def _design_times(rng: Random, days: Sequence[date]) -> list[datetime]:
    active = rng.sample(days, DAYS_WITH_ONE_DESIGN + DAYS_WITH_TWO_DESIGNS)
    active += active[:DAYS_WITH_TWO_DESIGNS]
    return sorted([*repeat(OPENING, DESIGNS_AT_FIRST), *(trade.moment(rng, day) for day in active)])


def _designs(rng: Random, times: Sequence[datetime]) -> Statement:
    columns = {"created_at": "timestamp", "last_updated": "timestamp"}
    columns |= dict.fromkeys(("design_name", "file_location", "file_name"), "text")
    return _insert("design", columns, [(at, at, *trade.design(rng, at.date())) for at in times])


def _orders(rng: Random, days: Sequence[date], designs: Sequence[datetime]) -> Iterator[Statement]:
    """Make all orders in the order of their time, so that ids grow with it, and what follows from them."""
    kinds = [*repeat("purchase", PURCHASES), *repeat("sale", SALES)]
    times = sorted((trade.moment(rng, rng.choice(days)), kind) for kind in kinds)
    shop = Shop(*(tuple(range(1, len(rows) + 1)) for rows in (STAFF, COUNTERPARTIES, CURRENCIES, ADDRESSES, designs)))
    orders = [_order(rng, at, shop, designs if kind == "sale" else ()) for at, kind in times]
    stamps = {"created_at": "timestamp", "last_updated": "timestamp"}
    common = {
        "staff_id": "int",
        "counterparty_id": "int",
        "currency_id": "int",
        "agreed_delivery_date": "text",
        "agreed_payment_date": "text",
        "agreed_delivery_location_id": "int",
    }
    sale = {"units_sold": "int", "unit_price": "numeric", "design_id": "int"}
    purchase = {"item_code": "text", "item_quantity": "int", "item_unit_price": "numeric"}
    yield _insert("sales_order", {**stamps, **common, **sale}, [_row(order) for order in orders if order.sale])
    yield _insert(
        "purchase_order", {**stamps, **common, **purchase}, [_row(order) for order in orders if not order.sale]
    )
    yield _insert(
        "transaction",
        {**stamps, "transaction_type": "transaction_type_name", "sales_order_id": "int", "purchase_order_id": "int"},
        list(_transactions(orders)),
    )
    yield _insert(
        "payment",
        {
            **stamps,
            **dict.fromkeys(("transaction_id", "counterparty_id"), "int"),
            "payment_amount": "numeric",
            **dict.fromkeys(("currency_id", "payment_type_id"), "int"),
            "paid": "bool",
            "payment_date": "text",
            **dict.fromkeys(("company_ac_number", "counterparty_ac_number"), "int"),
        },
        list(_payments(rng, orders)),
    )


def _order(rng: Random, at: datetime, shop: Shop, designs: Sequence[datetime]) -> _Order:
    """Agree on an order: a sale of one of `designs`, which must exist by then, or a purchase where there are none."""
    agreed = trade.terms(rng, at.date(), shop)
    if not designs:
        code, quantity, price = trade.item_code(rng), trade.item_quantity(rng), trade.item_unit_price(rng)
        return _Order(at, sale=False, terms=agreed, amount=quantity * price, goods=(code, quantity, price))
    units, price = trade.units(rng), trade.unit_price(rng)
    goods = (units, price, rng.randint(1, bisect_right(designs, at)))
    return _Order(at, sale=True, terms=agreed, amount=units * price, goods=goods)


def _row(order: _Order) -> tuple[Any, ...]:
    agreed = order.terms
    return (
        order.at,
        order.at,
        agreed.staff_id,
        agreed.counterparty_id,
        agreed.currency_id,
        agreed.delivery_date,
        agreed.payment_date,
        agreed.delivery_location_id,
        *order.goods,
    )


def _transactions(orders: Sequence[_Order]) -> Iterator[tuple[Any, ...]]:
    sales = purchases = 0
    for order in orders:
        if order.sale:
            sales += 1
            yield order.at, order.at, "SALE", sales, None
        else:
            purchases += 1
            yield order.at, order.at, "PURCHASE", None, purchases


def _payments(rng: Random, orders: Sequence[_Order]) -> Iterator[tuple[Any, ...]]:
    for transaction_id, order in enumerate(orders, 1):
        agreed = order.terms
        due = date.fromisoformat(agreed.payment_date)
        paid = due <= LAST_DAY and trade.working(due)
        settled = datetime.combine(due, trade.SETTLING) + timedelta(milliseconds=rng.randrange(60_000))
        yield (
            order.at,
            settled if paid else order.at,
            transaction_id,
            agreed.counterparty_id,
            order.amount,
            agreed.currency_id,
            1 if order.sale else 3,
            paid,
            agreed.payment_date,
            agreed.company_account,
            agreed.counterparty_account,
        )
