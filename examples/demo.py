"""`make demo`: totesys from nothing to answers, a day of traffic included. It stays in `.asterism-demo/`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.project.load import load
from asterism.run.simulate import simulate
from asterism.wire import Wiring

FOLDER = Path(".asterism-demo").absolute()
ASTERISM = Path(sys.executable).with_name("asterism")
DAY_SECONDS = 15.0
"""What a simulated day of business, eleven hours, is to take."""


def main() -> None:
    """Tell and do one step after the other; the first that fails ends it."""
    began = time.monotonic()
    make_way()
    FOLDER.mkdir()
    say("A platform of our own, copied from a template")
    asterism("new", "totesys", "--template", "totesys", "--json", folder=FOLDER, quiet=True)
    root = FOLDER / "totesys"
    say("A real PostgreSQL, filled with two years of trade")
    asterism("simulate", "--prepare", folder=root)
    say("Into the warehouse: eleven tables in three stars that share dimensions")
    asterism("pull", folder=root)
    rows(root)
    say("A day of business, streamed through beside `asterism run`")
    freshness(root)
    rows(root)
    say("Is everything stored what the models say?")
    asterism("verify", folder=root)
    say("Top ten staff by revenue, for each currency")
    asterism("query", "top_sales_staff", folder=root)
    say(f"Done in {time.monotonic() - began:.0f} s. Go on in .asterism-demo/totesys, with .venv/bin/asterism --help")


def make_way() -> None:
    """Remove what an earlier demo left, a server that outlived it included."""
    server = FOLDER / "totesys" / ".asterism" / "dev" / "totesys"
    if (server / "postmaster.pid").exists():
        from asterism.adapters.postgres.embedded import embedded  # noqa: PLC0415 - seldom needed

        embedded(server).close()
    shutil.rmtree(FOLDER, ignore_errors=True)


def rows(root: Path) -> None:
    """Print how many rows each table holds; of a fact, how many versions besides."""
    models = json.loads(asterism("status", "--json", folder=root, quiet=True))["models"]
    print("\n".join(f"  {model['model']:<22}{model['rows']:>8,} rows" for model in models))  # noqa: T201


def freshness(root: Path) -> None:
    """Play one day while `run` works, and print how long after its commit each transaction was visible."""
    commits: list[float] = []
    events: list[dict[str, Any]] = []
    command = [str(ASTERISM), "run", "--json"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        reader = threading.Thread(target=collect, args=(process, events))
        reader.start()
        wait(lambda: bool(events))
        play_a_day(root, commits)
        wait(lambda: bool(visible_after(commits[-1], events)))
        process.send_signal(signal.SIGTERM)
        reader.join()
    if process.returncode:
        sys.exit("`asterism run` failed")
    waits = [min(visible_after(commit, events)) - commit for commit in commits]
    percent = quantiles(waits, n=100, method="inclusive")
    print(  # noqa: T201
        f"  {len(commits)} transactions; from commit to visible in every star: "
        f"p50 {percent[49]:.2f} s, p99 {percent[98]:.2f} s, longest {max(waits):.2f} s"
    )


def collect(process: subprocess.Popen[str], events: list[dict[str, Any]]) -> None:
    """Gather what `run` tells, a JSON object a line."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    for line in process.stdout:
        events.append(json.loads(line))  # noqa: PERF401 - they are looked at while they come


def visible_after(commit: float, events: list[dict[str, Any]]) -> list[float]:
    """When the polls that came after a commit were visible: at the first of them it was, if not earlier."""
    pulled = [event for event in events if event["event"] == "pulled"]
    return [seconds(event["visible_at"]) for event in pulled if seconds(event["polled_at"]) >= commit]


def seconds(text: str) -> float:
    """A naive UTC time as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def play_a_day(root: Path, commits: list[float]) -> None:
    """Play the next day of the simulated life."""
    project = load(root)
    (simulator,) = project.simulators
    with Wiring(project.stage) as wiring:
        one_day = a_day_of(simulator)
        player = wiring.player(simulator)
        simulate(one_day, player, speed=11 * 3600 / DAY_SECONDS, on_commit=lambda _: commits.append(time.time()))


def a_day_of(simulator: Simulator) -> Simulator:
    """The same simulator, until midnight."""

    def live(random: Random, database: Database) -> Iterator[Transaction]:
        today = None
        for transaction in simulator.live(random, database):
            today = today or transaction.at.date()
            if transaction.at.date() != today:
                return
            yield transaction

    return replace(simulator, live=live)


def wait(happened: Any, limit: float = 30.0) -> None:
    """Wait until something has happened; end the demo if it does not."""
    until = time.monotonic() + limit
    while not happened():
        if time.monotonic() > until:
            sys.exit("waited in vain")
        time.sleep(0.02)


def asterism(*arguments: str, folder: Path, quiet: bool = False) -> str:
    """Run the command line as a user would; answer its output."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ASTERISM_")}
    if not quiet:
        print(f"$ asterism {' '.join(arguments)}", flush=True)  # noqa: T201
    command, stdout = [str(ASTERISM), *arguments], subprocess.PIPE if quiet else None
    done = subprocess.run(command, cwd=folder, env=environment, stdout=stdout, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def say(text: str) -> None:
    """Head a step."""
    print(f"\n── {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
