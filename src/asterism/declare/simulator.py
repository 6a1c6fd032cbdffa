"""Simulators: made-up but lifelike traffic for a source, at any speed, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from asterism.declare.source import Source


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a simulated user of a database does: statements that commit together.

    Each statement is SQL of the source with `$1`, `$2` … and runs once a row of values: `((),)` for one that has none.
    All rows of one statement have the same types; a list is an array. `at` is simulated time (naive, UTC). The
    transaction commits `hold` later than its statements ran (simulated time too): a late commit, while others begin and
    end.
    """

    at: datetime
    statements: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...]
    hold: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Database:
    """What a simulator is told of the database it lives in: `rows(sql)` reads what is committed, numerics as text."""

    rows: Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A function of (random, database) to the transactions of the simulated life, in the order of `at`.

    `prepare` makes the database where it is empty: it is asked before each life, and gives nothing where one stands.
    """

    name: str
    source: Source
    live: Callable[[Random, Database], Iterator[Transaction]]
    prepare: Callable[[Random, Database], Iterable[Transaction]] | None = None
