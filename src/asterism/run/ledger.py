"""The ledger: what Asterism knows of its own work, in the schema `_asterism` of the warehouse itself.

It is written in the transaction of the data it speaks of, so that the two never disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, TypeVar

from asterism.declare.table import Table
from asterism.errors import EngineError
from asterism.ports.source import Cursor
from asterism.run.session import Session

_T = TypeVar("_T")

SCHEMA = "_asterism"

_VERSIONS = 6
"""How many files `sql/ledger_N.sql` there are: each leads from the version before it to the next. Only ever add."""

_RUN = "run_id, verb, step, started_at, seconds, status, removed, added, error, parts"
_FAILED = "WHERE status <> 'ok' OR error <> ''"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source has been read. `seq` numbers its batches; `loading` says that stars wait for an initial load."""

    seq: int
    cursor: Cursor
    loading: bool
    polled_at: datetime
    reconciled_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is known of a stored table. `state` is `current` or `held`."""

    fingerprint: str
    state: str
    error: str
    since: datetime | None
    refreshed_at: datetime | None
    ticked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Warned:
    """A check of a model that some row fails, though the model goes on. `since` is the moment of a refresh."""

    model: str
    check: str
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RefreshNote:
    """A refresh. Number and time of the commit together tell it from every other, of another history too."""

    seq: int
    moment: datetime
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class PublicationState:
    """How far a publication was when it was last heard of: the refresh that it holds, and since when it fails."""

    seq: int | None
    committed_at: datetime | None
    published_at: datetime | None
    error: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a step of work. `how` is empty where there is nothing to say."""

    part: str
    seconds: float | None = None
    how: str = ""
    removed: int = 0
    added: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One step of work, for people to read."""

    run_id: str
    verb: str
    step: str
    started_at: datetime
    seconds: float
    status: str
    removed: int = 0
    added: int = 0
    error: str = ""
    parts: tuple[Part, ...] = ()


def _statements(version: int) -> list[str]:
    text = (files("asterism.run") / "sql" / f"ledger_{version}.sql").read_text(encoding="utf-8")
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement for statement in bare.split(";") if statement.strip()]


def now() -> datetime:
    """The present, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Ledger:
    """Reads and writes the ledger's tables through a session; transactions are the caller's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def prepare(self) -> None:
        """Create the ledger, or bring an older one up to date. Raises EngineError for one newer than this code."""
        columns = self._session.engine.columns("_asterism.version")
        # Tables without rows are what a process has left that died where tables are made outside of transactions.
        version = (self._session.rows("SELECT max(version) FROM _asterism.version")[0][0] if columns else None) or 0
        if version > _VERSIONS:
            raise EngineError(
                "the ledger", f"it has version {version}, this Asterism knows {_VERSIONS}", "Upgrade Asterism."
            )
        if columns and version == _VERSIONS:
            return
        with self._session.engine.transaction():
            self._session.execute("CREATE SCHEMA IF NOT EXISTS _asterism")
            self._session.execute("CREATE TABLE IF NOT EXISTS _asterism.version (version INTEGER, since TIMESTAMP)")
            for number in range(version + 1, _VERSIONS + 1):
                for statement in _statements(number):
                    self._session.execute(statement)
            fresh = [(number, now()) for number in range(version + 1, _VERSIONS + 1)]
            self._insert("version", ("INTEGER", "TIMESTAMP"), fresh)

    def position(self, source: str) -> Position | None:
        """How far `source` has been read; None before the first contact."""
        found = self._session.rows(
            "SELECT seq, cursor, loading, polled_at, reconciled_at FROM _asterism.cursors WHERE source = $1", [source]
        )
        if not found:
            return None
        seq, cursor, loading, polled_at, reconciled_at = found[0]
        return Position(seq, json.loads(cursor), loading, polled_at, reconciled_at)

    def move(self, source: str, position: Position) -> None:
        """Note how far a source has been read."""
        self._session.later("DELETE FROM _asterism.cursors WHERE source = $1", [source])
        self._session.later(
            "INSERT INTO _asterism.cursors VALUES ($1, $2, $3, $4, $5, CAST($6 AS TIMESTAMP))",
            [
                source,
                position.seq,
                json.dumps(position.cursor),
                position.loading,
                position.polled_at,
                position.reconciled_at,
            ],
        )

    def batch(self, source: str, seq: int, tables: Iterable[Sequence[Any]]) -> None:
        """Note the tables of a batch: of each its name, object, rows, deletions, removed, added, polled_at."""
        types = ("TEXT", "BIGINT", "TEXT", "TEXT", *["BIGINT"] * 4, "TIMESTAMP", "TIMESTAMP")
        self._insert("batches", types, [(source, seq, *values, now()) for values in tables])

    def raw_keys(self) -> dict[str, tuple[str, ...]]:
        """The source tables that have been created, with their keys."""
        found = self._session.rows("SELECT table_name, key FROM _asterism.tables ORDER BY table_name")
        return {name: tuple(json.loads(key)) for name, key in found}

    def note_tables(self, source: str, tables: Sequence[Table]) -> None:
        """Note source tables that were created."""
        self._delete("tables", "table_name", [table.name for table in tables])
        rows = [(table.name, source, json.dumps(list(table.key))) for table in tables]
        self._insert("tables", ("TEXT", "TEXT", "TEXT"), rows)

    def begin_refresh(self, not_before: datetime) -> tuple[int, datetime]:
        """The number and moment of the next refresh. Moments only ever grow; valid_from is one."""
        ((seq, last),) = self._session.rows("SELECT coalesce(max(seq), 0), max(moment) FROM _asterism.refreshes")
        moment = not_before if last is None else max(not_before, last + timedelta(microseconds=1))
        return seq + 1, moment

    def end_refresh(self, seq: int, moment: datetime) -> RefreshNote:
        """Note a refresh that is about to commit."""
        noted = RefreshNote(seq, moment, now())
        values = [seq, moment, noted.committed_at]
        self._session.later("INSERT INTO _asterism.refreshes VALUES ($1, $2, $3)", values)
        return noted

    def loading(self) -> frozenset[str]:
        """The sources of which a part is there only: an initial load, or many rows at once, goes on."""
        return frozenset(name for (name,) in self._session.rows("SELECT source FROM _asterism.cursors WHERE loading"))

    def refreshes(self, since: int, limit: int) -> tuple[RefreshNote, ...]:
        """The latest refreshes from number `since` on, at most `limit`, in order."""
        found = self._session.rows(
            "SELECT seq, moment, committed_at FROM _asterism.refreshes WHERE seq >= $1 "
            f"ORDER BY seq DESC LIMIT {int(limit)}",
            [since],
        )
        return tuple(RefreshNote(*row) for row in reversed(found))

    def last_refresh(self) -> datetime | None:
        """The moment of the latest refresh."""
        moment: datetime | None = self._session.rows("SELECT max(moment) FROM _asterism.refreshes")[0][0]
        return moment

    def models(self) -> dict[str, ModelState]:
        """All stored tables that models make."""
        found = self._session.rows(
            "SELECT model, fingerprint, state, error, since, refreshed_at, ticked_at FROM _asterism.models"
        )
        return {row[0]: ModelState(*row[1:]) for row in found}

    def held(self) -> tuple[tuple[str, str], ...]:
        """The models that are held at their last good state, by name, with the reason."""
        found = self._session.rows("SELECT model, error FROM _asterism.models WHERE state = 'held' ORDER BY model")
        return tuple((name, error) for name, error in found)

    def note_models(self, states: Mapping[str, ModelState]) -> None:
        """Note the states of stored tables."""
        self._delete("models", "model", list(states))
        types = (*["TEXT"] * 4, *["TIMESTAMP"] * 3)
        self._insert("models", types, [(name, *astuple(state)) for name, state in states.items()])

    def warnings(self) -> tuple[Warned, ...]:
        """The checks that some row fails, by model."""
        found = self._session.rows(
            "SELECT model, condition, error, since FROM _asterism.warnings ORDER BY model, condition"
        )
        return tuple(Warned(*row) for row in found)

    def note_warning(self, warned: Warned) -> None:
        """Note that a check fails."""
        self.forget_warning(warned.model, warned.check)
        values = [warned.model, warned.check, warned.error, warned.since]
        self._session.later("INSERT INTO _asterism.warnings VALUES ($1, $2, $3, $4)", values)

    def forget_warning(self, model: str, check: str) -> None:
        """Note that a check passes, or is no longer made."""
        self._session.later("DELETE FROM _asterism.warnings WHERE model = $1 AND condition = $2", [model, check])

    def forget_model(self, name: str) -> None:
        """Remove a stored table from the ledger."""
        for table in ("models", "warnings"):
            self._session.later(f"DELETE FROM _asterism.{table} WHERE model = $1", [name])

    def clear(self) -> None:
        """Forget all but the ledger's own version, the runs, for people to read, and what reports were sent."""
        for table in ("cursors", "batches", "tables", "refreshes", "models", "warnings"):
            self._session.later(f"DELETE FROM _asterism.{table}")

    def reported(self, report: str) -> datetime | None:
        """The latest tick of a report that is done with; None where it has never been looked at."""
        found = self._session.rows("SELECT max(tick) FROM _asterism.reports WHERE report = $1", [report])
        tick: datetime | None = found[0][0]
        return tick

    def note_report(self, report: str, tick: datetime, recipients: Sequence[str] | None) -> None:
        """Note that a report is done with up to a tick: sent to these, or, with None, first looked at then."""
        sent_at = None if recipients is None else now()
        self._session.later(
            "INSERT INTO _asterism.reports VALUES ($1, $2, CAST($3 AS TIMESTAMP), $4)",
            [report, tick, sent_at, json.dumps(recipients or [])],
        )

    def publication(self, name: str) -> PublicationState | None:
        """What was last heard of a publication."""
        found = self._session.rows(
            "SELECT seq, committed_at, published_at, error, since FROM _asterism.publications WHERE publication = $1",
            [name],
        )
        return PublicationState(*found[0]) if found else None

    def note_publication(self, name: str, state: PublicationState) -> None:
        """Note what was heard of a publication."""
        self._session.later("DELETE FROM _asterism.publications WHERE publication = $1", [name])
        self._session.later(
            "INSERT INTO _asterism.publications VALUES ($1, CAST($2 AS BIGINT), CAST($3 AS TIMESTAMP), "
            "CAST($4 AS TIMESTAMP), $5, CAST($6 AS TIMESTAMP))",
            [name, state.seq, state.committed_at, state.published_at, state.error, state.since],
        )

    def note_run(self, run: Run) -> None:
        """Note a step of work."""
        self._session.later(
            f"INSERT INTO _asterism.runs ({_RUN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                run.run_id,
                run.verb,
                run.step,
                run.started_at,
                run.seconds,
                run.status,
                run.removed,
                run.added,
                run.error,
                json.dumps([astuple(each) for each in run.parts]),
            ],
        )

    def runs(self, limit: int = 50, *, failed: bool = False) -> list[Run]:
        """The latest steps of work, newest first; with `failed`, only those that failed or left something behind."""
        found = self._session.rows(
            f"SELECT {_RUN} FROM _asterism.runs {_FAILED if failed else ''} ORDER BY started_at DESC LIMIT {int(limit)}"
        )
        parts = (tuple(Part(*each) for each in json.loads(row[-1] or "[]")) for row in found)
        return [replace(Run(*row[:-1]), parts=made) for row, made in zip(found, parts, strict=True)]

    def _delete(self, table: str, column: str, values: Sequence[str]) -> None:
        for some in _portions(values):
            listed = ", ".join(f"${place}" for place in range(1, len(some) + 1))
            self._session.later(f"DELETE FROM _asterism.{table} WHERE {column} IN ({listed})", some)

    def _insert(self, table: str, types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        for some in _portions(rows):
            places = iter(range(1, len(some) * len(types) + 1))
            listed = ", ".join(f"({', '.join(f'CAST(${next(places)} AS {kind})' for kind in types)})" for _ in some)
            self._session.later(
                f"INSERT INTO _asterism.{table} VALUES {listed}", [value for row in some for value in row]
            )


def _portions(rows: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Some of them at once: engines take so many parameters and no more."""
    return (rows[start : start + 100] for start in range(0, len(rows), 100))
