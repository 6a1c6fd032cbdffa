"""`make bench`: measure Asterism beside its peers, print a table, and write `.bench/results.json`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import children
from benchmarks.cases.console import console
from benchmarks.cases.event_latency import event_latency
from benchmarks.cases.fold import fold
from benchmarks.cases.freshness import freshness
from benchmarks.cases.ingest import batches, ingest
from benchmarks.cases.initial import initial, memory
from benchmarks.cases.liberta import liberta
from benchmarks.cases.queries import queries
from benchmarks.cases.refresh import refresh
from benchmarks.options import Options
from benchmarks.report import Row, save, show

CASES: dict[str, Callable[[Options], list[Row]]] = {
    "initial": initial,
    "memory": memory,
    "refresh": refresh,
    "freshness": freshness,
    "ingest": ingest,
    "batches": batches,
    "fold": fold,
    "event_latency": event_latency,
    "liberta": liberta,
    "queries": queries,
    "console": console,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, help="sales orders; some cases take ten times as many (1000000)")
    parser.add_argument("--runs", type=int, help="how often everything is measured; medians are shown (5)")
    parser.add_argument("--quick", action="store_true", help="few rows, no peer: shows that it works, and no more")
    parser.add_argument("--only", choices=CASES, action="append", help="measure this; may be given more than once")
    parser.add_argument("--results", type=Path, default=children.ROOT / ".bench/results.json", help="where JSON goes")
    given = parser.parse_args()
    rows, runs = (5_000, 1) if given.quick else (1_000_000, 5)
    options = Options(given.rows or rows, given.runs or runs, quick=given.quick)
    terminal = Console(width=None if Console().is_terminal else 200)
    if not options.quick and not children.has_peer():
        terminal.print("The peer is not installed: `make bench` does that. Asterism is measured alone.")
    measured: list[Row] = []
    for name in given.only or CASES:
        with terminal.status(f"measuring: {name}"):
            measured += CASES[name](options)
        save(measured, asdict(options), given.results)  # what is measured is kept, whatever comes next
    show(measured, terminal)


if __name__ == "__main__":
    main()
