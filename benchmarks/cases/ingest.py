"""Single events over HTTP, each on disk before it is answered: how many a second, and how long one takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from statistics import median
from typing import Any

from benchmarks import hall
from benchmarks.options import Options
from benchmarks.report import Row

_CONNECTIONS = 64
_LINES = 1_000
_ASKED = {"readers on": 5_000, "readers off": 8_000}
"""Events a second that are asked for."""
_DUE = ("p50, half the load asked for", "p99, half the load asked for")
_WAITS = ("p50, full load", "p99, full load", "p50, half of that", "p99, half of that")

Serve = Callable[[], AbstractContextManager[hall.Door]]
Measured = dict[str, list[float]]
Measure = Callable[[hall.Door, float, str], dict[str, float]]
"""Of a server, the seconds for each load, and the server's name."""


def ingest(options: Options) -> list[Row]:
    """Send to Asterism and to its peers in turns, each alone on the machine with the client."""
    ours: dict[str, Serve] = {"readers on": hall.asterism, "readers off": partial(hall.asterism, readers=False)}
    fastapi, functions = "FastAPI + PostgreSQL", "functions-framework + file"
    found = _in_turns(options, ours, {fastapi: hall.fastapi, functions: hall.functions}, _singles)
    rows: list[Row] = []
    for name, asked in _ASKED.items():
        one = found[name]
        reached = options.target("a second", median(one["rate"]), asked, at_least=True)
        late = options.target("ms", median(one[_DUE[1]]) * 1_000, 60)
        rate = Row(f"single events, {name}", one["rate"], _of(found, fastapi, "rate"), fastapi, reached, "/s")
        beside = Row("  beside a function", one["rate"], _of(found, functions, "rate"), functions, unit="/s")
        due = [Row(f"  {what}", one[what], [], targets=late if what == _DUE[1] else ()) for what in _DUE]
        waits = [Row(f"  {what}", one[what], _of(found, fastapi, what), fastapi) for what in _WAITS]
        rows += [rate, beside, *due, *waits]
    return [*rows, Row("  the client's own processor", found["readers off"]["cpu"], [], unit="cores")]


def batches(options: Options) -> list[Row]:
    """Send bodies of a thousand lines."""
    peer, name = "FastAPI + COPY", f"events in bodies of {_LINES:,} lines, readers on"
    found = _in_turns(options, {"on": hall.asterism}, {peer: partial(hall.fastapi, "/batches")}, _many)
    ours, theirs = found["on"], found.get(peer, {})
    asked = options.target("a second", median(ours["rate"]), 50_000, at_least=True)
    return [
        Row(name, ours["rate"], theirs.get("rate", []), peer, asked, "/s"),
        Row("  a body: p50", ours["p50"], theirs.get("p50", []), peer),
        Row("  a body: p99", ours["p99"], theirs.get("p99", []), peer),
    ]


def _in_turns(
    options: Options, ours: dict[str, Serve], peers: dict[str, Serve], measure: Measure
) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    for run in range(options.runs):
        due = ours | (peers if options.peer and run < options.peer_runs else {})
        for name, serve in due.items():
            with serve() as door:
                for what, value in measure(door, 0.5 if options.quick else 8.0, name).items():
                    found.setdefault(name, {}).setdefault(what, []).append(value)
    return found


def _of(found: dict[str, Measured], name: str, what: str) -> list[float]:
    return found.get(name, {}).get(what, [])


def _singles(door: hall.Door, seconds: float, name: str) -> dict[str, float]:
    """At half of what is asked for, where something is; then at full load, and at half of what that reached."""
    hall.send(door, seconds=seconds / 4, connections=_CONNECTIONS)
    asked = [_paced(door, seconds, _ASKED[name] / 2)] if name in _ASKED else []
    full = hall.send(door, seconds=seconds, connections=_CONNECTIONS)
    half = _paced(door, seconds, full["events"] / 2)
    found = {"rate": full["events"], "cpu": full["cpu"]}
    found |= {what: due[what[:3]] for what in _DUE for due in asked}
    return found | {what: (full if "full" in what else half)[what[:3]] for what in _WAITS}


def _paced(door: hall.Door, seconds: float, rate: float) -> dict[str, Any]:
    return hall.send(door, seconds=seconds, connections=_CONNECTIONS, rate=rate)


def _many(door: hall.Door, seconds: float, _name: str) -> dict[str, float]:
    load = {"connections": 8, "batch": _LINES}
    hall.send(door, seconds=seconds / 4, **load)
    full = hall.send(door, seconds=seconds, **load)
    return {"rate": full["events"], "p50": full["p50"], "p99": full["p99"]}
