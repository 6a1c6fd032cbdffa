"""Asterism: files of events into a star that is published to PostgreSQL, and what comes after them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from asterism.cli.desk import Desk
from asterism.cli.main import sweep_seldom
from asterism.cli.verbs import publish, pull
from asterism.project.load import load
from asterism.wire import Wiring

_LATER = (
    "asterism.run.pull", "asterism.run.publish", "asterism.adapters.files.source", "asterism.adapters.postgres.engine",
    "sqlglot.dialects.duckdb", "sqlglot.dialects.postgres",
)  # fmt: skip
"""What is imported when it is first needed: no import counts."""
EXAMPLE = Path(__file__).parents[2] / "examples" / "liberta"


def main() -> None:
    given = json.loads(sys.argv[1])
    root = Path(given.get("root") or Path(given["scratch"]) / "liberta")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".asterism", "__pycache__"))
    os.environ |= {"RAWEVENTS_URL": given["folder"], "ANALYSIS_URL": given["url"]}
    sweep_seldom()
    for name in _LATER:
        import_module(name)
    project = load(root, "dev")
    with Wiring(project.stage) as wiring:
        desk = Desk(project, wiring)
        first = _load(desk)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        for file in sorted(Path(given["later"]).rglob("*.gz")) if given.get("later") else ():
            shutil.move(file, Path(given["folder"]) / file.name)
        later = _load(desk) if given.get("later") else {}
        print(json.dumps({**first, "later": later, "peak": peak}))


def _load(desk: Desk) -> dict[str, Any]:
    started, worked = time.perf_counter(), time.process_time()
    rows = sum(each["rows"] for each in pull.work(desk, {"sources": [], "reconcile": False}, _silent)["sources"])
    pulled = time.perf_counter()
    publish.work(desk, {"name": None, "full": False}, _silent)
    done = time.perf_counter()
    processor = time.process_time() - worked
    return {"seconds": done - started, "pull": pulled - started, "processor": processor, "rows": rows}


def _silent(_step: str, _done: int, _total: int | None) -> None:
    pass


if __name__ == "__main__":
    main()
