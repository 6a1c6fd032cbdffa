"""The tables of totesys, and any number of rows of them made by DuckDB. Knows nothing of Asterism: its peers use it."""

from __future__ import annotations

_STAMPS = {"created_at": "TIMESTAMP", "last_updated": "TIMESTAMP"}
_AGREED = {
    "agreed_delivery_date": "VARCHAR",
    "agreed_payment_date": "VARCHAR",
    "agreed_delivery_location_id": "INTEGER",
}

TABLES: dict[str, dict[str, str]] = {
    "address": {
        "address_id": "INTEGER",
        **dict.fromkeys(
            ("address_line_1", "address_line_2", "district", "city", "postal_code", "country", "phone"), "VARCHAR"
        ),
    },
    "counterparty": {
        "counterparty_id": "INTEGER",
        "counterparty_legal_name": "VARCHAR",
        "legal_address_id": "INTEGER",
        "commercial_contact": "VARCHAR",
        "delivery_contact": "VARCHAR",
    },
    "currency": {"currency_id": "INTEGER", "currency_code": "VARCHAR"},
    "department": {
        "department_id": "INTEGER",
        "department_name": "VARCHAR",
        "location": "VARCHAR",
        "manager": "VARCHAR",
    },
    "design": {
        "design_id": "INTEGER",
        "design_name": "VARCHAR",
        "file_location": "VARCHAR",
        "file_name": "VARCHAR",
    },
    "payment": {
        **dict.fromkeys(("payment_id", "transaction_id", "counterparty_id"), "INTEGER"),
        "payment_amount": "DECIMAL(10,2)",
        **dict.fromkeys(("currency_id", "payment_type_id"), "INTEGER"),
        "paid": "BOOLEAN",
        "payment_date": "VARCHAR",
        **dict.fromkeys(("company_ac_number", "counterparty_ac_number"), "INTEGER"),
    },
    "payment_type": {"payment_type_id": "INTEGER", "payment_type_name": "VARCHAR"},
    "purchase_order": {
        **dict.fromkeys(("purchase_order_id", "staff_id", "counterparty_id"), "INTEGER"),
        "item_code": "VARCHAR",
        "item_quantity": "INTEGER",
        "item_unit_price": "DECIMAL(10,2)",
        "currency_id": "INTEGER",
        **_AGREED,
    },
    "sales_order": {
        **dict.fromkeys(("sales_order_id", "design_id", "staff_id", "counterparty_id", "units_sold"), "INTEGER"),
        "unit_price": "DECIMAL(10,2)",
        "currency_id": "INTEGER",
        **_AGREED,
    },
    "staff": {
        "staff_id": "INTEGER",
        "first_name": "VARCHAR",
        "last_name": "VARCHAR",
        "department_id": "INTEGER",
        "email_address": "VARCHAR",
    },
    "transaction": {
        "transaction_id": "INTEGER",
        "transaction_type": "VARCHAR",
        "sales_order_id": "INTEGER",
        "purchase_order_id": "INTEGER",
    },
}
"""By table its columns, the first of which is the key, and their types in DuckDB."""
for _columns in TABLES.values():
    _columns.update(_STAMPS)

ORDERS_A_MEMBER = 50_000
"""Orders of one member of staff, however many orders there are: what a new name rewrites."""

_HOUSE = ("i || ' High Street'", "NULL", "NULL", "'Leeds'", "'0' || i", "'UK'", "'0113 ' || i")


def standing(total: int) -> dict[str, str]:
    """By table a SELECT of the rows that stand beside `total` sales orders."""
    return {
        "address": _select("address", numbered(30), *_HOUSE),
        "counterparty": _select("counterparty", numbered(20), "'Company ' || i", "i", "'Ann'", "'Bob'"),
        "currency": _select("currency", numbered(3), "['GBP', 'USD', 'EUR'][i]"),
        "department": _select("department", numbered(8), "'Department ' || i", "'Leeds'", "'Eve'"),
        "design": _select("design", numbered(473), "'Design ' || i", "'/usr'", "'design-' || i || '.json'"),
        "payment_type": _select("payment_type", numbered(4), "'TYPE ' || i"),
        "staff": staff(numbered(members(total)), "Last"),
    }


def empty() -> dict[str, str]:
    """By table a SELECT of no rows: of the other facts' tables."""
    return {
        name: f"{_select(name, numbered(0), *('NULL' for _ in range(len(TABLES[name]) - 3)))}"
        for name in ("payment", "purchase_order", "transaction")
    }


def members(total: int) -> int:
    """How many members of staff share `total` orders."""
    return max(20, total // ORDERS_A_MEMBER)


def staff(numbers: str, last_name: str) -> str:
    """A SELECT of members of staff."""
    return _select("staff", numbers, "'First ' || i", f"'{last_name} ' || i", "i % 8 + 1", "i || '@totesys.example'")


def orders(numbers: str, total: int, version: int = 0) -> str:
    """A SELECT of some of `total` sales orders, in a version of theirs."""
    return _select(
        "sales_order",
        numbers,
        "i % 473 + 1",
        f"i % {members(total)} + 1",
        "i % 20 + 1",
        f"1001 + i % 90000 + {version}",
        "2 + (i % 200) / 100",
        "i % 3 + 1",
        "strftime(DATE '2022-11-03' + (i % 900)::INTEGER, '%Y-%m-%d')",
        "strftime(DATE '2022-11-03' + (i % 800)::INTEGER, '%Y-%m-%d')",
        "i % 30 + 1",
    )


def numbered(count: int) -> str:
    """The numbers from 1, as a table expression with a column `i`, which is what the others take."""
    return f"range(1, {count + 1}) AS t (i)"


def recent(total: int, count: int) -> str:
    """The numbers of the latest orders."""
    return f"range({total - count + 1}, {total + 1}) AS t (i)"


def scattered(total: int, count: int, seed: int) -> str:
    """The numbers of `count` orders from all over the table, or of a few less."""
    return f"(SELECT DISTINCT (hash(j + {seed * 7919}) % {total})::BIGINT + 1 AS i FROM range({count}) AS g (j)) AS t"


def _select(table: str, numbers: str, *values: str) -> str:
    """A SELECT of rows whose key is `i`; they were made, and written last, in the order of their keys."""
    made = "TIMESTAMP '2022-11-03 08:00' + to_seconds(i % 60000000)"
    columns = zip(TABLES[table].items(), ("i", *values, made, made), strict=True)
    return f"SELECT {', '.join(f'CAST({value} AS {kind}) AS {name}' for (name, kind), value in columns)} FROM {numbers}"
