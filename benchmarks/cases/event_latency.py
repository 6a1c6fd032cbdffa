"""How long after an event was due to be sent the live view and the star show it, at a thousand a second."""

from __future__ import annotations

import json
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median, quantiles

import httpx

from benchmarks import hall
from benchmarks.options import Options
from benchmarks.report import Row

_RATE = 1_000
_PATIENCE = 60.0
_ASKED = {"view": 0.1, "star": 1.0}
_Sent = tuple[str, int, float, str]
"""Door, number, when it was due, and the id that it was given."""


@dataclass
class _Seen:
    """What a follower of the view was told: by door the numbers, which grow, and when; seconds since 1970."""

    numbers: dict[str, list[int]] = field(default_factory=dict)
    moments: dict[str, list[float]] = field(default_factory=dict)
    began: threading.Event = field(default_factory=threading.Event)

    def follow(self, door: hall.Door) -> None:
        """Take changes until the server goes."""
        headers = {"Authorization": f"Bearer {door.token}"}
        address = f"http://127.0.0.1:{door.port}/views/doors/changes"
        with suppress(httpx.HTTPError), httpx.stream("GET", address, headers=headers, timeout=None) as answer:
            for line in answer.iter_lines():
                self.began.set()
                if line.startswith("data: "):
                    state = json.loads(line[6:])
                    self.numbers.setdefault(state["key"], []).append(state["value"]["through"])
                    self.moments.setdefault(state["key"], []).append(time.time())

    def has(self, door: str, number: int) -> bool:
        return door in self.numbers and self.numbers[door][-1] >= number


def event_latency(options: Options) -> list[Row]:
    """Send at a steady rate, each connection for a door of its own, and follow the view as a page would."""
    found: dict[str, list[list[float]]] = {"answer": [], "view": [], "star": []}
    for _ in range(min(options.runs, 3)):
        for what, waits in _measure(1.0 if options.quick else 20.0).items():
            found[what].append(quantiles(waits, n=100, method="inclusive"))
    rows: list[Row] = []
    for what, runs in found.items():
        p50, p99 = [each[49] for each in runs], [each[98] for each in runs]
        name = f"from event to {what}, {_RATE:,} a second"
        rows.append(Row(f"{name}: p50", p50, []))
        asked = options.target("s", median(p99), _ASKED[what]) if what in _ASKED else ()
        rows.append(Row(f"{name}: p99", p99, [], "", asked))
    return rows


def _measure(seconds: float) -> dict[str, list[float]]:
    seen = _Seen()
    follower = threading.Thread(target=lambda: seen.follow(door))
    with hall.asterism(stars=True) as door:
        # What is made at first contact is made before it counts.
        before = hall.send(door, seconds=1.0, rate=_RATE, keyed=False)["answered"]
        follower.start()
        _wait(seen.began.is_set)
        measured = hall.send(door, seconds=seconds, rate=_RATE, keyed=False, kept=True)
        sent = measured["sent"]
        _wait(lambda: all(seen.has(name, number) for name, number, _, _ in sent))
        _wait(lambda: sum(records for _, records in _notices(door)) >= before + len(sent))
    follower.join()
    return {"answer": measured["waits"], "view": _viewed(sent, seen), "star": _starred(sent, _notices(door), before)}


def _viewed(sent: list[_Sent], seen: _Seen) -> list[float]:
    """An event is seen when its door is told with its number or a later one."""
    return [seen.moments[door][bisect_left(seen.numbers[door], number)] - due for door, number, due, _ in sent]


def _starred(sent: list[_Sent], notices: list[tuple[float, int]], before: int) -> list[float]:
    """Events stand in the log by their ids, which grow, and are written in that order: so many with each notice."""
    reached = list(accumulate(records for _, records in notices))
    due = sorted((given, moment) for _, _, moment, given in sent)
    return [notices[bisect_left(reached, before + place)][0] - moment for place, (_, moment) in enumerate(due, start=1)]


def _notices(door: hall.Door) -> list[tuple[float, int]]:
    """When `asterism run` told of a commit of stream and stars, and of how many records."""
    return [(moment, each["records"]) for moment, each in door.heard if each["event"] == "written"]


def _wait(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not happened():
        if time.monotonic() > until:
            sys.exit("the events are not to be seen")
        time.sleep(0.05)
