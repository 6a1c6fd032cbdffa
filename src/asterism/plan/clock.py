"""A model that asks for the time gets that of the tick it was refreshed at: its table has one right content."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlglot import exp

Unit = Literal["day", "minute"]

_INSTANTS = {"now", "get_current_timestamp", "transaction_timestamp"}


def unit(query: exp.Expr) -> Unit | None:
    """How often the answer of `query` changes by itself: daily for current_date, every minute for finer clocks."""
    found: Unit | None = None
    for node in query.walk():
        kind = _kind(node)
        if kind == "DATE":
            found = found or "day"
        elif kind is not None:
            return "minute"
    return found


def tick(moment: datetime, every: Unit) -> datetime:
    """The beginning of the day or minute that holds `moment`."""
    if every == "day":
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment.replace(second=0, microsecond=0)


def at(query: exp.Query, moment: datetime) -> exp.Query:
    """A copy of `query` in which the clock stands at `moment` (naive UTC)."""
    query = query.copy()
    for node in list(query.walk()):
        kind = _kind(node)
        if kind is not None:
            text = {
                "DATE": moment.date().isoformat(),
                "TIME": moment.time().isoformat(),
                "TIMESTAMP": moment.isoformat(sep=" "),
                "TIMESTAMPTZ": f"{moment.isoformat(sep=' ')}+00",
            }[kind]
            node.replace(exp.cast(exp.Literal.string(text), kind))
    return query


def _kind(node: exp.Expr) -> str | None:
    if isinstance(node, exp.CurrentDate):
        return "DATE"
    if isinstance(node, exp.CurrentTimestamp) or (isinstance(node, exp.Anonymous) and node.name.lower() in _INSTANTS):
        return "TIMESTAMPTZ"
    if isinstance(node, (exp.Localtimestamp, exp.CurrentDatetime)):
        return "TIMESTAMP"
    if isinstance(node, (exp.CurrentTime, exp.Localtime)):
        return "TIME"
    return None
