"""What a change costs: 1,000 orders, recent or scattered, and a name that many facts carry; at two sizes."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks import children
from benchmarks.options import Options, said
from benchmarks.place import by_staff, in_order, totesys_models
from benchmarks.report import Row, Target

Measured = dict[str, Any]
_PEER = "dlt merge + full rebuild"


def refresh(options: Options) -> list[Row]:
    """Refresh at `rows` and at ten times as many."""
    few, few_peer = _measure(options, options.rows)
    many, many_peer = _measure(options, options.many)
    rows = []
    for kind in ("recent", "scattered"):
        for facts, ours, peer in ((options.rows, few, few_peer), (options.many, many, many_peer)):
            name = f"{options.changes:,} {kind} changes, {said(facts)} facts"
            targets: tuple[Target, ...] = ()
            if ours is many:
                seconds = median(_of(many, kind, "refresh"))
                growth = seconds / median(_of(few, kind, "refresh"))
                targets = options.target("s", seconds, 0.5) + options.target("times that of a tenth", growth, 3)
            rows.append(Row(f"{name}: refresh", _of(ours, kind, "refresh"), [], "", targets))
            pulled = Row(f"{name}: whole pull", _of(ours, kind, "pull"), _peer(peer, kind), _PEER)
            promised = options.target("times faster", pulled.times, 10, at_least=True) if ours is many else ()
            rows.append(Row(pulled.name, pulled.ours, pulled.peer, _PEER, promised))
    for facts, ours, peer in ((options.rows, few, few_peer), (options.many, many, many_peer)):
        name = f"a new name that {ours['renamed'][0]['rewritten']:,} of {said(facts)} facts carry: whole pull"
        rows.append(Row(name, _of(ours, "renamed", "pull"), _peer(peer, "renamed"), _PEER))
    return rows


def _measure(options: Options, facts: int) -> tuple[Measured, Measured]:
    ours = children.asterism("refresh", facts=facts, changes=options.changes, runs=options.runs)
    if not options.peer:
        return ours, {}
    peer = children.dlt(
        "refresh",
        facts=facts,
        changes=options.changes,
        runs=options.peer_runs,
        models=in_order(totesys_models()),
        by_staff=in_order([by_staff()]),
    )
    return ours, peer


def _of(measured: Measured, kind: str, part: str) -> list[float]:
    return [run[part] for run in measured[kind]]


def _peer(measured: Measured, kind: str) -> list[float]:
    return [run["merge"] + run["rebuild"] for run in measured.get(kind, ())]
