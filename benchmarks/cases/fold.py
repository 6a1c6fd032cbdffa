"""How many events a second a live view folds in, on one thread."""

from __future__ import annotations

from benchmarks import children
from benchmarks.options import Options
from benchmarks.report import Row


def fold(options: Options) -> list[Row]:
    """Work off a log by Asterism, which keeps what it makes, and the same events by bytewax, which keeps nothing."""
    events = 5_000 if options.quick else 500_000
    ours: list[float] = []
    peer: list[float] = []
    for run in range(options.runs):
        ours.append(children.asterism("fold", events=events)["events"])
        if options.peer and run < options.peer_runs:
            peer.append(children.bytewax("fold", events=events)["events"])
    return [Row("events folded into a view, on disk", ours, peer, "bytewax, in memory", unit="/s")]
