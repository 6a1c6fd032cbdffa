"""Apply: the rows of a scope become what they should be, and the difference is told.

Rows that are there already change nothing, so applying a batch twice is applying it once: that is what makes
at-least-once delivery exact. Within the caller's transaction throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asterism.errors import ModelError
from asterism.plan.scope import Delta
from asterism.run.session import Session, listed, quote
from asterism.run.values import spoken


@dataclass(frozen=True, slots=True)
class Target:
    """A stored table: its own columns, its key, and what is special about it."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    floats: frozenset[str] = frozenset()
    """Columns compared within a relative 1e-9: a sum of floats depends on the order of its terms."""
    record: str | None = None
    """With history: the surrogate key of a version."""
    kept_for: tuple[tuple[str, str], ...] = ()
    """(table, column) of the facts with history: a row that one of them refers to is not deleted."""

    @property
    def current(self) -> str:
        """A condition that the rows of today meet."""
        return "is_current" if self.record else "true"

    @property
    def all_columns(self) -> tuple[str, ...]:
        """The columns as stored."""
        if self.record is None:
            return self.columns
        return (self.record, *self.columns, "valid_from", "valid_to", "is_current")


@dataclass(frozen=True, slots=True)
class Within:
    """The scope of an apply: the keys in `table` (columns `s0` …), as values of the target's `columns`."""

    table: str
    columns: tuple[str, ...]
    nullable: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. `delta` is None where nothing changed; counts are of rows without history's bookkeeping."""

    delta: Delta | None
    removed: int = 0
    added: int = 0


def apply(session: Session, target: Target, within: Within | None, after: str, moment: datetime) -> Applied:
    """Make the rows of `target` in a scope (None: all rows) equal to those of the table `after`; answer the change set.

    Raises ModelError where two rows would have one key; then nothing has been changed.
    """
    before, minus, plus = _difference(session, target, within, after)
    (removed, *lacking), (added, *missing), (stood, *_), (wanted, *_) = _counts(
        session, target.key, minus, plus, before, after
    )
    if wanted != stood - removed + added:
        # A row twice where it stood once already: the second differs in nothing.
        for _, *values in session.rows(f"{repeated(target, after)} LIMIT 1"):
            raise duplicate(target, values)
    nullable = tuple(bool(old or new) for old, new in zip(lacking, missing, strict=True))
    if target.kept_for and removed:
        minus = _without_referred(session, target, minus, plus, nullable)
        removed = session.rows(f"SELECT count(*) FROM {quote(minus)}")[0][0]
    if not removed and not added:
        return Applied(None)
    if added:
        # Where the scope is of keys, whoever has the key of a new row is in it.
        whole = within is None or set(within.columns) <= set(target.key)
        _refuse_duplicates(session, target, before if whole else target.name, minus, plus, nullable)
    if target.record is not None:
        return Applied(_replace_versions(session, target, before, minus, plus, nullable, moment), removed, added)
    if removed:
        same = same_key(target.key, "t", "m", nullable)
        session.later(f"DELETE FROM {quote(target.name)} AS t USING {quote(minus)} AS m WHERE {same}")
    if added:
        names = listed(target.columns)
        session.later(f"INSERT INTO {quote(target.name)} ({names}) SELECT {names} FROM {quote(plus)}")
    return Applied(Delta(minus, plus), removed, added)


def _counts(session: Session, key: Sequence[str], *tables: str) -> list[list[int]]:
    """Of each table the rows, and those that lack a column of the key: one question, which looks at each table once."""
    nulls = "".join(f", count(*) - count({quote(name)})" for name in key)
    each = [f"SELECT {place}, count(*){nulls} FROM {quote(name)}" for place, name in enumerate(tables)]
    return [list(row[1:]) for row in sorted(session.rows(" UNION ALL ".join(each)))]


def same_key(key: Sequence[str], left: str, right: str, nullable: Sequence[bool]) -> str:
    """SQL that compares two rows' keys, null-safe where a NULL can stand."""
    terms = [
        f"_same({left}.{quote(name)}, {right}.{quote(name)})"
        if null
        else f"{left}.{quote(name)} = {right}.{quote(name)}"
        for name, null in zip(key, nullable, strict=True)
    ]
    return " AND ".join(terms) or "true"


def _difference(session: Session, target: Target, within: Within | None, after: str) -> tuple[str, str, str]:
    """The rows of the scope as stored, those that are no longer, and those that are new, as temporary tables."""
    columns = listed(target.all_columns, "t")
    before_sql = f"SELECT {columns} FROM {quote(target.name)} AS t"
    if within is not None:
        pairs = zip(within.columns, within.nullable, strict=True)
        terms = [
            f"_same(t.{quote(name)}, s.s{place})" if null else f"t.{quote(name)} = s.s{place}"
            for place, (name, null) in enumerate(pairs)
        ]
        before_sql += f" JOIN {quote(within.table)} AS s ON {' AND '.join(terms) or 'true'}"
    before_sql += f" WHERE {target.current}" if target.record else ""
    before = session.keep(before_sql)
    # DuckDB hashes by whatever is null-safe, and takes three times as long for EXCEPT ALL; the others loop.
    unlike = _unlike if session.engine.dialect == "duckdb" else difference
    return before, unlike(session, target, before, after), unlike(session, target, after, before)


def difference(session: Session, target: Target, these: str, those: str) -> str:
    """The rows of one table that have no like in the other, as a temporary table.

    Floats are alike within a relative 1e-9. Where there are some, rows that occur more often here than there are not
    told: see `repeated`.
    """
    if target.floats:
        return _unlike(session, target, these, those)
    names = listed(target.columns)
    return session.keep(f"SELECT {names} FROM {quote(these)} EXCEPT ALL SELECT {names} FROM {quote(those)}")


def repeated(target: Target, table: str) -> str:
    """A SELECT of the keys that occur more than once in a table, and before each, `again`, how often too often."""
    key = listed(target.key)
    return f"SELECT count(*) - 1 AS again, {key} FROM {quote(table)} GROUP BY {key} HAVING count(*) > 1"


def _unlike(session: Session, target: Target, these: str, those: str) -> str:
    """The rows of one table that have no like in the other, however often they occur, as a temporary table."""
    same = [same_key(target.key, "a", "b", [True] * len(target.key))]
    for name in target.columns:
        one, other = f"a.{quote(name)}", f"b.{quote(name)}"
        if name in target.floats:
            same.append(
                f"({one} IS NOT DISTINCT FROM {other} "
                f"OR abs({one} - {other}) <= 1e-9 * greatest(abs({one}), abs({other})))"
            )
        elif name not in target.key:
            same.append(f"{one} IS NOT DISTINCT FROM {other}")
    condition = " AND ".join(same)
    return session.keep(
        f"SELECT {listed(target.columns, 'a')} FROM {quote(these)} AS a ANTI JOIN {quote(those)} AS b ON {condition}"
    )


def _without_referred(session: Session, target: Target, minus: str, plus: str, nullable: Sequence[bool]) -> str:
    """Of the rows to be removed, those that are replaced or that no fact refers to."""
    (key,) = target.key
    replaced = f"EXISTS (SELECT 1 FROM {quote(plus)} AS p WHERE {same_key(target.key, 'm', 'p', nullable)})"
    gone = session.keep(f"SELECT m.{quote(key)} AS k FROM {quote(minus)} AS m WHERE NOT {replaced}")
    if not session.rows(f"SELECT 1 FROM {quote(gone)} LIMIT 1"):
        return minus
    kept = session.keep(referred_keys(target, gone))
    return session.keep(
        f"SELECT {listed(target.columns, 'm')} FROM {quote(minus)} AS m "
        f"WHERE NOT EXISTS (SELECT 1 FROM {quote(kept)} AS k WHERE k.k = m.{quote(key)}) OR {replaced}"
    )


def referred_keys(target: Target, among: str) -> str:
    """A SELECT of the keys in a table (column `k`) that a fact's version refers to."""
    return " UNION ".join(
        f"SELECT f.{quote(column)} AS k FROM {quote(table)} AS f JOIN {quote(among)} AS g ON g.k = f.{quote(column)}"
        for table, column in target.kept_for
    )


def _refuse_duplicates(
    session: Session, target: Target, among: str, minus: str, plus: str, nullable: Sequence[bool]
) -> None:
    """Raise ModelError where a new row has the key of another new row, or of one in `among` that stays."""
    key = listed(target.key)
    removed = f"EXISTS (SELECT 1 FROM {quote(minus)} AS m WHERE {same_key(target.key, 'm', 't', nullable)})"
    current = f"t.{target.current}" if target.record else "true"
    twice = session.rows(
        f"SELECT * FROM (SELECT {key} FROM {quote(plus)} GROUP BY {key} HAVING count(*) > 1 "
        f"UNION ALL SELECT {listed(target.key, 't')} FROM {quote(among)} AS t "
        f"JOIN {quote(plus)} AS p ON {same_key(target.key, 't', 'p', nullable)} "
        f"WHERE {current} AND NOT {removed}) AS twice LIMIT 1"
    )
    if twice:
        raise duplicate(target, twice[0])


def duplicate(target: Target, values: Sequence[object]) -> ModelError:
    """The error of a violated key, with one key that occurs twice."""
    said = ", ".join(f"{name} = {spoken(value)}" for name, value in zip(target.key, values, strict=False))
    return ModelError(
        target.name, f"two rows have the key {said}", "Correct the joins, or name a finer key in `-- key:`."
    )


def _replace_versions(
    session: Session, target: Target, before: str, minus: str, plus: str, nullable: Sequence[bool], moment: datetime
) -> Delta:
    """Close the versions of the rows that are no longer, open one for each that is new."""
    record_name = quote(target.record or "")
    stored, names, when = quote(target.name), listed(target.all_columns), f"TIMESTAMP '{moment.isoformat(sep=' ')}'"
    closed = session.keep(
        f"SELECT {listed(target.all_columns, 't')} FROM {quote(before)} AS t "
        f"JOIN {quote(minus)} AS m ON {same_key(target.key, 't', 'm', nullable)}"
    )
    own = listed(target.columns)
    record = f"surrogate_key({', '.join([*(quote(name) for name in target.key), when])}) AS {record_name}"
    after = session.keep(
        f"SELECT {record_name}, {own}, valid_from, {when} AS valid_to, false AS is_current "
        f"FROM {quote(closed)} UNION ALL SELECT {record}, {own}, {when} AS valid_from, "
        f"CAST(NULL AS TIMESTAMP) AS valid_to, true AS is_current FROM {quote(plus)}"
    )
    ((there, written, distinct),) = session.rows(
        f"SELECT (SELECT count(*) FROM {quote(closed)}), count(*), count(DISTINCT {record_name}) FROM {quote(after)}"
    )
    # One look at the stored records takes out those that are closed, and would find a new one among them.
    found = session.execute(
        f"DELETE FROM {stored} AS t USING {quote(after)} AS a WHERE t.{record_name} = a.{record_name}"
    )
    if found != there or distinct != written:
        raise ModelError(
            target.name, "two versions have one surrogate key", "Report this: two different keys have one md5."
        )
    session.later(f"INSERT INTO {stored} ({names}) SELECT {names} FROM {quote(after)}")
    return Delta(closed, after)
