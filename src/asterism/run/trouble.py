"""Trouble: what is wrong now, as the ledger, the clock and the disks show it. Times are naive UTC."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from asterism.declare.model import Model
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import sources
from asterism.run.incidents import Incident
from asterism.run.ledger import ModelState
from asterism.run.quarantine import STREAM
from asterism.run.refresh import LOAD
from asterism.run.session import quote
from asterism.run.warehouse import Warehouse

RECENT = timedelta(minutes=10)
"""A quarantine in which nothing has arrived for so long grows no more."""


def held(states: Mapping[str, ModelState], at: datetime) -> Iterator[Incident]:
    """The models that are held at their last good state because something is wrong."""
    for name, state in sorted(states.items()):
        if state.state == "held" and not state.error.startswith(LOAD):
            remedy = "Correct the model or what feeds it; it is refreshed by itself then. `asterism status` shows more."
            yield Incident("step", f"model {name}", state.error, remedy, state.since or at, state.refreshed_at)


def feeds(models: Iterable[Model]) -> dict[str, frozenset[str]]:
    """The sources behind each model, by the schemas they are pulled into; the streams are one of them."""
    read: dict[str, set[str]] = {}
    for model in models:
        try:
            read[model.name] = {name for name, _ in sources(parse(model.sql))}
        except Refused:
            read[model.name] = set()

    def behind(name: str, above: frozenset[str]) -> frozenset[str]:
        if name not in read:
            return frozenset({name.partition(".")[0]})
        return frozenset().union(*(behind(each, above | {name}) for each in read[name] if each not in above | {name}))

    return {name: behind(name, frozenset()) for name in read}


def fresh_as_of(
    behind: Mapping[str, frozenset[str]], states: Mapping[str, ModelState], read: Mapping[str, datetime]
) -> dict[str, datetime]:
    """The moment as of which each built model shows its sources; `read` says when each was read to its end.

    A model that is held shows them as of when it was held.
    """
    found = {}
    for name, feeding in behind.items():
        state = states.get(name)
        if state is None or state.refreshed_at is None or not feeding or not feeding <= read.keys():
            continue
        held_since = [state.since] if state.state == "held" and state.since else []
        found[name] = min([*(read[each] for each in feeding), *held_since])
    return found


def stale(as_of: Mapping[str, datetime], objectives: Mapping[str, timedelta], at: datetime) -> Iterator[Incident]:
    """The models whose data are older than their objectives."""
    for name, moment in sorted(as_of.items()):
        objective = objectives.get(name)
        if objective is not None and at - moment > objective:
            fact = f"its data are as of {moment:%Y-%m-%d %H:%M:%S} UTC, and may be {objective} old"
            remedy = "See that its sources are up and read in time: `asterism status` shows them."
            yield Incident("freshness", f"model {name}", fact, remedy, moment + objective, moment)


def quarantined(warehouse: Warehouse, at: datetime) -> Iterator[Incident]:
    """The quarantine, where something has arrived there lately."""
    if STREAM.table not in warehouse.raw_tables():
        return
    table = quote(STREAM.table)
    ((count, first),) = warehouse.session.rows(
        f"SELECT count(*), min(_received_at) FROM {table} WHERE _received_at > $1", [at - RECENT]
    )
    if not count:
        return
    ((stream, place, reason),) = warehouse.session.rows(
        f"SELECT stream, place, reason FROM {table} ORDER BY _received_at DESC, _id LIMIT 1"
    )
    fact = f"{count} came within ten minutes; the latest of {stream}, refused by {place}: {reason}"
    remedy = "`asterism quarantine list` shows them; correct what refused them, and replay or drop them."
    yield Incident("quarantine", "the quarantine", fact, remedy, first, None)


def usage(paths: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """The bytes that are used and that there are on the disks of these paths, each disk once."""
    found: dict[int, tuple[Path, tuple[int, int]]] = {}
    for path in paths:
        there = next((each for each in (path, *path.parents) if each.exists()), path)
        try:
            disk, size = os.stat(there).st_dev, shutil.disk_usage(there)  # noqa: PTH116 - as its neighbour
        except OSError:  # it went away at this moment
            continue
        found.setdefault(disk, (path, (size.used, size.used + size.free)))
    return dict(found.values())


def full(disks: Mapping[Path, tuple[int, int]], limit: int, at: datetime) -> Iterator[Incident]:
    """The disks of which more than `limit` percent are used."""
    for path, (used, total) in disks.items():
        if total and limit < 100 and used * 100 >= limit * total:  # noqa: PLR2004 - percent
            fact = f"{used * 100 // total} % are in use, {(total - used) / 1e9:.1f} GB are free"
            remedy = "Make room: let go of old data, or give the stage another disk."
            yield Incident("disk", f"the disk of {path}", fact, remedy, at, None)
