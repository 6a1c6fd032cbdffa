"""From files of events to a published star: liberta, and the same job by PySpark and by pandas."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree, rmtree
from statistics import median
from tempfile import mkdtemp
from typing import Any

from asterism.adapters.postgres.embedded import embedded
from benchmarks import children
from benchmarks.options import Options
from benchmarks.report import Row

GENERATOR = children.ROOT / "examples/liberta/generator/generate.py"
LATER = 5_000


def liberta(options: Options) -> list[Row]:
    """Load half a million events packed by gzip, cold, and publish them; then 5,000 more, which peers load all anew."""
    events = 5_000 if options.quick else 500_000
    ours: list[dict[str, Any]] = []
    peers: dict[str, list[float]] = {"pyspark": [], "pandas": []}
    with _place(events) as (folder, url):
        for run in range(options.runs):
            ours.append(children.asterism("liberta", folder=_copied(folder, "first"), url=url, later=_later(folder)))
            for name, seconds in peers.items():
                if not options.quick and children.has_spark() and run < options.peer_runs:
                    seconds.append(children.spark(name, folder=str(folder / "first"), url=url)["seconds"])
    first = [each["seconds"] for each in ours]
    later = [each["later"]["seconds"] for each in ours]
    targets = options.target("s", median(first), 10)
    ratio = median(peers["pyspark"]) / median(first) if peers["pyspark"] else None
    targets += options.target("times faster than PySpark", ratio, 3, at_least=True)
    said = f"{events:,} events in files to a published star"
    return [
        Row(said, first, peers["pyspark"], "PySpark, local[2], all anew", targets=targets),
        Row(f"{said}, beside pandas", first, peers["pandas"], "pandas, all anew"),
        Row(f"{LATER:,} more", later, [], "", targets=options.target("s", median(later), 1)),
        Row(f"{said}: peak memory", [each["peak"] / 1e6 for each in ours], [], "", unit="MB"),
    ]


@contextmanager
def _place(events: int) -> Iterator[tuple[Path, str]]:
    """A folder with the files, and an empty PostgreSQL."""
    folder = Path(mkdtemp(prefix="asterism-bench-"))
    folder.chmod(0o755)  # the server runs as a user of its own where this is root
    generate(folder / "first", events, 0)
    generate(folder / "later", LATER, events)
    server = embedded(folder / "data")
    try:
        yield folder, server.url
    finally:
        server.close()
        rmtree(folder, ignore_errors=True)


def generate(folder: Path, events: int, after: int) -> None:
    """Write files of events."""
    command = [sys.executable, str(GENERATOR), "--events", str(events), "--after", str(after)]
    subprocess.run([*command, "--packing", "gz", "--folder", str(folder)], check=True, capture_output=True)


def _copied(folder: Path, name: str) -> str:
    copy = folder / f"{name}-copy"
    rmtree(copy, ignore_errors=True)
    copytree(folder / name, copy)
    return str(copy)


def _later(folder: Path) -> str:
    return _copied(folder, "later")
