"""Incidents: what went wrong, from when until when, and who has been told. They stand in the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from asterism.run.session import Session

Kind = Literal["step", "freshness", "quarantine", "disk"]

KEEP = timedelta(days=90)
"""How long an incident that is over is remembered."""
SETTLED = timedelta(seconds=10)
"""How long a trouble must have been away: what comes and goes by the second is one incident."""
_COLUMNS = "kind, subject, fact, remedy, since, last_good, over_at, told, told_over"


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble from its beginning to its end; times are naive UTC. `told` holds digests of addresses."""

    kind: Kind
    subject: str
    """What is in trouble: a step, a model, a folder. Together with `kind` it is one incident at a time."""
    fact: str
    remedy: str
    since: datetime
    last_good: datetime | None
    """When it was last well; None where that is not known."""
    over_at: datetime | None = None
    told: frozenset[str] = frozenset()
    """Who was told of its beginning."""
    told_over: frozenset[str] = frozenset()
    """Who was told of its end."""


class Incidents:
    """The incidents that last, and those that are over and of whose end somebody must still be told."""

    def __init__(self, known: Iterable[Incident] = ()) -> None:
        self._known = {(each.kind, each.subject, each.since): each for each in known}
        self._away: dict[tuple[Kind, str], datetime] = {}

    def __iter__(self) -> Iterator[Incident]:
        return iter([*self._known.values()])

    def look(self, troubles: Iterable[Incident], at: datetime, unsure: Collection[str] = ()) -> list[Incident]:
        """Take up what is in trouble at `at`; answer what began and what ended by that.

        Of the subjects `unsure` it is not known whether they are well: no incident of theirs ends.
        """
        found = {(each.kind, each.subject): each for each in troubles}
        lasting = {(each.kind, each.subject): each for each in self if each.over_at is None}
        changed = [each for key, each in found.items() if key not in lasting]
        for key, incident in lasting.items():
            if key in found or incident.subject in unsure:
                self._away.pop(key, None)
            elif at - self._away.setdefault(key, at) >= SETTLED:
                changed.append(replace(incident, over_at=self._away.pop(key)))
        for incident in changed:
            self.keep(incident)
        return changed

    def keep(self, incident: Incident) -> None:
        """Remember it as it is now."""
        self._known[incident.kind, incident.subject, incident.since] = incident

    def settle(self) -> None:
        """Forget what is over and told to everybody who knows of it."""
        settled = [key for key, each in self._known.items() if each.over_at and each.told <= each.told_over]
        for key in settled:
            del self._known[key]

    def to_tell(self, address: str) -> list[Incident]:
        """Those of which an address must be told: of the beginning, or, where it has heard of that, of the end."""
        return [
            each
            for each in self
            if (each.over_at is None and address not in each.told)
            or (each.over_at is not None and address in each.told - each.told_over)
        ]

    def tell(self, incidents: Sequence[Incident], address: str) -> list[Incident]:
        """Note that an address has been told of these as they are; answer them so."""
        told = []
        for each in incidents:
            if each.over_at is None:
                told.append(replace(each, told=each.told | {address}))
            else:
                told.append(replace(each, told_over=each.told_over | {address}))
            self.keep(told[-1])
        return told


def read(session: Session, limit: int = 1000) -> list[Incident]:
    """The incidents of the ledger: those that last first, then the latest."""
    rows = session.rows(
        f"SELECT {_COLUMNS} FROM _asterism.incidents "
        f"ORDER BY CASE WHEN over_at IS NULL THEN 0 ELSE 1 END, since DESC, subject LIMIT {int(limit)}"
    )
    return [Incident(*row[:-2], *(frozenset(json.loads(each)) for each in row[-2:])) for row in rows]


def note(session: Session, incidents: Sequence[Incident], at: datetime) -> None:
    """Write incidents into the ledger as they are, and forget what has been over for long; one transaction."""
    with session.transaction():
        session.execute("DELETE FROM _asterism.incidents WHERE over_at < $1", [at - KEEP])
        for each in incidents:
            key = [each.kind, each.subject, each.since]
            session.execute("DELETE FROM _asterism.incidents WHERE kind = $1 AND subject = $2 AND since = $3", key)
            told = (json.dumps(sorted(each.told)), json.dumps(sorted(each.told_over)))
            session.execute(
                "INSERT INTO _asterism.incidents VALUES "
                "($1, $2, $3, $4, $5, CAST($6 AS TIMESTAMP), CAST($7 AS TIMESTAMP), $8, $9)",
                [each.kind, each.subject, each.fact, each.remedy, each.since, each.last_good, each.over_at, *told],
            )
