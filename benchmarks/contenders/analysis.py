"""The published star of liberta, as its peers write it: truncated and loaded by COPY, in one transaction, with keys."""

from __future__ import annotations

from io import StringIO
from typing import Any

import psycopg

CURRENCIES = ("AUD", "CZK", "CAD", "HUF", "EUR", "GBP", "NOK", "PHP", "RUB", "SEK", "USD", "ZAR")
_TEXT, _NUMBER, _REAL, _FLAG, _MOMENT = "text", "bigint", "double precision", "boolean", "timestamp"
TABLES: dict[str, dict[str, str]] = {
    "d_user": {
        "surr_user_id": f"{_NUMBER} primary key", "user_id": _TEXT, "country_code": _TEXT, "is_converting": _FLAG,
        "is_paying": _FLAG, "origin": _TEXT, "pay_ft": _NUMBER, "first_build": _TEXT, "client_ts_from_unix": _MOMENT,
        "cohort_month_from_unix": _MOMENT, "cohort_week_from_unix": _MOMENT, "install_hour_from_unix": _MOMENT,
        "install_ts_from_unix": _MOMENT,
    },
    "d_session": {
        "surr_session_id": f"{_NUMBER} primary key", "session_id": _TEXT, "session_num": _NUMBER,
        "arrival_ts_from_unix": _MOMENT, "amount": _NUMBER, "attempt_num": _NUMBER, "category": _TEXT,
        "connection_type": _TEXT, "jailbroken": _FLAG, "length": _NUMBER, "limited_ad_tracking": _FLAG,
        "manufacturer": _TEXT, "platform": _TEXT, "android_id": _TEXT, "score": _REAL, "value": _REAL, "v": _NUMBER,
    },
    "f_revenue": {
        "surr_session_id": f"{_NUMBER} primary key references d_session",
        "surr_user_id": f"{_NUMBER} references d_user",
        **dict.fromkeys(map(str.lower, CURRENCIES), _NUMBER), "created_at": _MOMENT,
    },
}  # fmt: skip
COLUMNS = {name: [*columns] for name, columns in TABLES.items()}


def publish(url: str, tables: dict[str, Any]) -> None:
    """Put data frames in the place of what stands in the schema `peer`."""
    with psycopg.connect(url) as connection:
        connection.execute("create schema if not exists peer")
        connection.execute("set search_path = peer")
        for name, columns in TABLES.items():
            spelled = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"create table if not exists {name} ({spelled})")
        connection.execute(f"truncate {', '.join(TABLES)}")
        for name, columns in TABLES.items():
            frame = tables[name].copy()
            for column, kind in columns.items():
                if kind.startswith(_NUMBER):
                    frame[column] = frame[column].astype("Int64")
            text = StringIO()
            frame.to_csv(text, index=False, header=False)
            with connection.cursor().copy(f"copy {name} from stdin (format csv)") as copy:
                copy.write(text.getvalue())
