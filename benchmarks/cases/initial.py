"""The initial load: how fast, in how much memory; and what a poll costs afterwards that finds nothing."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import children
from benchmarks.database import Database, execute, totesys
from benchmarks.options import Options, said
from benchmarks.report import Row

_MB = 2**20
_IDLE_POLLS = 5


def initial(options: Options) -> list[Row]:
    """Load the same database by Asterism, by dlt and by COPY, in turns."""
    floor: list[float] = []
    ours: list[dict[str, Any]] = []
    peer: list[dict[str, Any]] = []
    with totesys(options.rows) as database:
        backend = _fastest(database) if options.peer else None
        for run in range(options.runs):
            floor.append(_copy(database))
            ours.append(children.asterism("load", url=database.url, idle_polls=_IDLE_POLLS))
            if backend is not None and run < options.peer_runs:
                peer.append(_dlt(database, backend))
    size, by = said(options.rows), f"dlt, {backend}" if backend else ""
    raw, copied = [each["raw"] for each in ours], median(floor)
    loaded = Row(f"initial load of {size} orders: raw + landing", raw, [each["raw"] for each in peer], by)
    stars = [each["stars"] for each in ours]
    idle = [seconds for each in ours for seconds in each["idle"]]
    peer_idle = [seconds for each in peer for seconds in each["idle"]]
    return [
        Row(loaded.name, raw, loaded.peer, by, options.target("times faster", loaded.times, 2, at_least=True)),
        Row("  beside COPY to a file", raw, floor, "COPY", options.target("times COPY", median(raw) / copied, 4)),
        Row(f"  the stars behind it, {said(options.rows)} facts", stars, [], ""),
        _memory(options, size, ours, [each["peak"] / _MB for each in peer], by),
        Row(f"a poll of {size} orders that finds nothing", idle, peer_idle, by),
    ]


def memory(options: Options) -> list[Row]:
    """Load ten times as many rows once: memory is not to grow with them."""
    with totesys(options.many) as database:
        ours = [children.asterism("load", url=database.url, idle_polls=0)]
    seconds = Row(f"initial load of {said(options.many)} orders: raw + landing", [ours[0]["raw"]], [])
    return [seconds, _memory(options, said(options.many), ours, [], "")]


def _memory(options: Options, size: str, ours: list[dict[str, Any]], peer: list[float], by: str) -> Row:
    peaks = [each["peak"] / _MB for each in ours]
    return Row(f"  its peak memory, {size}", peaks, peer, by, options.target("MB", median(peaks), 300), "MB")


def _fastest(database: Database) -> str:
    """The backend of dlt that loads this database fastest."""
    return min(("connectorx", "pyarrow"), key=lambda each: _dlt(database, each, idle_polls=0)["raw"])


def _dlt(database: Database, backend: str, *, idle_polls: int = _IDLE_POLLS) -> dict[str, Any]:
    url = database.tcp if backend == "connectorx" else database.url
    return children.dlt("load", url=url, backend=backend, idle_polls=idle_polls)


def _copy(database: Database) -> float:
    """Let the server itself write the file: nothing leaves it, so that nobody who reads from it can be faster."""
    started = perf_counter()
    execute(database.url, f"copy sales_order to '{database.folder / 'copied'}'")
    return perf_counter() - started
