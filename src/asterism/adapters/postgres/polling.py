"""One poll: which rows of which tables are read, why, and where the next poll begins. Decides only; reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from asterism.adapters.postgres.cursor import Position, Shape
from asterism.adapters.postgres.discovery import Relation
from asterism.adapters.postgres.fields import quoted
from asterism.adapters.postgres.snapshot import Snapshot, changed, settings_since

LARGE = 100_000
"""Rows from which a poll leans on an index of the column that writers keep current."""
_LOOKBACK = timedelta(minutes=15)
_WESTERNMOST = timedelta(hours=12)
# A time without a zone is in the writer's zone, which may be that far behind UTC.
_HALF_OF_ALL_IDS = 2**31


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows of one table to be read: those of `where`, all of them where it is empty."""

    relation: Relation
    where: str = ""
    keys: bool = False
    """Whether all keys are read as well."""
    needed: bool = True
    """False where it is not known yet whether any row is there."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a poll reads, and the position after it."""

    readings: tuple[Reading, ...]
    position: Position
    notices: tuple[str, ...]


def decide(
    position: Position,
    snapshot: Snapshot,
    relations: tuple[Relation, ...],
    *,
    reconcile: bool,
    narrowing: Mapping[str, str] = MappingProxyType({}),
) -> Poll:
    """What a poll at `snapshot` has to read to miss nothing since `position`.

    `narrowing` are conditions of `narrowings` that are worth it; a reconciliation does without.
    """
    notices: list[str] = []
    mistrust = mistrusted(position, snapshot)
    if mistrust is not None:
        notices.append(f"all tables are read again: {mistrust}")
    loaded = position.load is not None and position.load.done
    # Where nothing was written since the initial load began, its chunks agree with each other as they are.
    reconcile = reconcile or mistrust is not None or (loaded and snapshot.xmax > position.xmin)
    readings = []
    for relation in relations:
        drift = list(_drift(position.tables.get(relation.name), relation))
        again = [why for why, whole in drift if whole]
        if position.tables:
            known = relation.name in position.tables
            notices += [
                f"{relation.name}: {why}{'; it is read again' if whole and known else ''}" for why, whole in drift
            ]
        if again or mistrust is not None:
            readings.append(Reading(relation, keys=True))
        elif reconcile:
            readings.append(Reading(relation, changed("reconciled"), keys=True))
        elif snapshot.xmax > position.xmin:
            also = f" and {narrowing[relation.name]}" if relation.name in narrowing else ""
            readings.append(Reading(relation, changed("horizon") + also, needed=False))
    for gone in sorted(position.tables.keys() - {relation.name for relation in relations}):
        notices.append(f"{gone}: no longer at the source, or excluded; the warehouse keeps its rows")
    following = position.after(snapshot, relations, reconciled=reconcile or loaded)
    return Poll(tuple(readings), following, tuple(notices))


def mistrusted(position: Position, snapshot: Snapshot) -> str | None:  # noqa: PLR0911  one reason a line
    """Why transaction ids of the position say nothing in this snapshot, or None where they do."""
    if snapshot.system != position.system:
        return "another database cluster answers (its system identifier changed)"
    if snapshot.database != position.database:
        return "the database was made anew (its oid changed)"
    if snapshot.standby != position.standby:
        return "a standby answers in place of a primary" if snapshot.standby else "the standby was promoted"
    if snapshot.timeline != position.timeline:
        return f"the server was restored or failed over (timeline {position.timeline} became {snapshot.timeline})"
    if snapshot.xmax < position.xmax:
        return "the server went back in time (its transaction ids are lower than they were)"
    if snapshot.xmax - min(position.xmin, position.reconciled) >= _HALF_OF_ALL_IDS:
        return "the last poll is so long ago that transaction ids have wrapped around"
    return None


def _drift(known: Shape | None, relation: Relation) -> Iterator[tuple[str, bool]]:
    """How a table differs from what was known of it, and whether rows can differ for it without a new xmin."""
    if known is None:
        yield "a new table", True
        return
    now = Shape.of(relation)
    if now.oid != known.oid:
        yield "the table was dropped and made anew", True
        return
    if now.key != known.key:
        yield f"the key is ({', '.join(now.key)}), it was ({', '.join(known.key)})", True
    for name, (kind, note) in now.columns.items():
        if name not in known.columns:
            yield f"column {name} appeared ({kind})", True
        elif known.columns[name][0] != kind:
            yield f"the type of column {name} is {kind}, it was {known.columns[name][0]}", True
        elif known.columns[name][1] != note:
            yield f"column {name} is declared anew", True
    for name in known.columns.keys() - now.columns.keys():
        yield f"column {name} is gone; the warehouse keeps what it had", False
    if set(known.labels) - set(now.labels):
        yield "labels of an enum were renamed", True
    if now.files != known.files:
        yield "the table was truncated or rewritten, or its partitions changed", True


def narrowings(position: Position, relations: tuple[Relation, ...]) -> dict[str, str]:
    """For large tables with an index that may help: the condition that a row itself says it is recent.

    Writers forget, and clocks differ, so it is no proof: the horizon decides, and a reconciliation looks without it.
    """
    if position.written_after(_LOOKBACK) is None:
        return {}
    conditions = {}
    for relation in relations:
        if relation.changed_at is None or relation.estimate <= LARGE:
            continue
        kind = next(field.type for field in relation.fields if field.name == relation.changed_at)
        column = f"t.{quoted(relation.changed_at)}"
        since = (
            "current_setting('asterism.since')::timestamptz"
            if kind.endswith("ZONE")
            else "current_setting('asterism.since_anywhere')::timestamp"
        )
        conditions[relation.name] = f"({column} >= {since} or {column} is null)"
    return conditions


def settings(position: Position, snapshot: Snapshot) -> dict[str, str]:
    """The settings of the transaction that the conditions refer to."""
    given = settings_since("horizon", position.xmin, snapshot.xmax)
    given |= settings_since("reconciled", position.reconciled, snapshot.xmax)
    if since := position.written_after(_LOOKBACK):
        given["asterism.since"] = f"{since.isoformat()}+00"
        given["asterism.since_anywhere"] = (since - _WESTERNMOST).isoformat()
    return given
