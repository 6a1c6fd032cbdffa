"""How long after a commit at the source a query sees it, while both sides live: `asterism run` beside a simulator."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, ignore_patterns
from statistics import quantiles
from tempfile import TemporaryDirectory

from asterism.adapters.postgres.embedded import embedded
from asterism.project.load import Project, load
from asterism.run.simulate import prepare, simulate
from asterism.wire import Wiring
from benchmarks import children
from benchmarks.options import Options
from benchmarks.place import TOTESYS, in_order, totesys_models
from benchmarks.report import Row

INTERVAL = "100ms"
SPEED = 11 * 3600 / 15
"""A day of business in a quarter of a minute."""

Seen = list[tuple[float, float]]
"""When each poll looked at the source, and when what it found could be queried; seconds since 1970."""
Follow = Callable[[Project, Seen], AbstractContextManager[None]]


def freshness(options: Options) -> list[Row]:
    """Play the same transactions into a database of totesys' real size while Asterism, and then dlt, follows it."""
    transactions = 10 if options.quick else 100
    ours = _percentiles(_measure(transactions, _asterism))
    peer = _percentiles(_measure(transactions, _dlt)) if options.peer else ([], [])
    by = "dlt + rebuild in a loop"
    name = f"from commit to query, every {INTERVAL}"
    return [
        Row(f"{name}: p50", ours[0], peer[0], by),
        Row(f"{name}: p99", ours[1], peer[1], by, options.target("s", ours[1][0], 1)),
    ]


def _percentiles(waits: list[float]) -> tuple[list[float], list[float]]:
    percent = quantiles(waits, n=100, method="inclusive")
    return [percent[49]], [percent[98]]


@contextmanager
def _project() -> Iterator[Project]:
    """A copy of the example that polls as often as it is told here, its database filled."""
    children.SCRATCH.mkdir(parents=True, exist_ok=True)
    # Not below the tree: the server runs as a user of its own where this is root.
    with TemporaryDirectory(prefix="asterism-bench-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "totesys"
        root.parent.chmod(0o755)
        copytree(TOTESYS, root, ignore=ignore_patterns(".asterism", "__pycache__"))
        platform = root / "platform.py"
        platform.write_text(platform.read_text().replace('every="1s"', f'every="{INTERVAL}"'))
        project = load(root)
        yield project


def _measure(transactions: int, follow: Follow) -> list[float]:
    """Seconds from each transaction's commit until it could be queried."""
    commits: list[float] = []
    seen: Seen = []
    with _project() as project, Wiring(project.stage) as wiring:
        (simulator,) = project.simulators
        player = wiring.player(simulator)
        prepare(simulator, player)
        with follow(project, seen):
            _wait(lambda: bool(seen))
            simulate(
                simulator,
                player,
                limit=transactions,
                speed=SPEED,
                seed=1,
                on_commit=lambda _: commits.append(time.time()),
            )
            _wait(lambda: seen[-1][0] >= commits[-1])
    return [min(visible for polled, visible in seen if polled >= commit) - commit for commit in commits]


@contextmanager
def _asterism(project: Project, seen: Seen) -> Iterator[None]:
    """Follow by `asterism run`, as a user would."""

    def note(line: str) -> None:
        event = json.loads(line)
        if event["event"] == "pulled" and (seen or event["refreshed"]):  # from the end of the initial load on
            seen.append((_seconds(event["polled_at"]), _seconds(event["visible_at"])))

    with _running([str(Path(sys.executable).with_name("asterism")), "run", "--no-http", "--json"], project.root, note):
        yield


@contextmanager
def _dlt(project: Project, seen: Seen) -> Iterator[None]:
    """Follow by runs of dlt, one after the other, and the models made anew after each."""
    server = embedded(Path(project.pulls[0].source.url.removeprefix("embedded://")))
    given = {"url": server.url, "scratch": str(children.SCRATCH), "models": in_order(totesys_models())}
    command = [str(children.PEER_PYTHON), "-m", "benchmarks.contenders.dlt_follow", json.dumps(given)]
    try:
        with _running(command, children.ROOT, lambda line: seen.append(tuple(json.loads(line)))):
            yield
    finally:
        server.close()


@contextmanager
def _running(command: list[str], folder: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Run a program, and note each line that it prints, until the context is left."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=children.peer_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                note(line)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            process.terminate()
            reader.join()


def _seconds(text: str) -> float:
    """Naive UTC as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _wait(happened: Callable[[], bool], limit: float = 60.0) -> None:
    until = time.monotonic() + limit
    while not happened():
        if time.monotonic() > until:
            sys.exit("the follower does not follow")
        time.sleep(0.02)
