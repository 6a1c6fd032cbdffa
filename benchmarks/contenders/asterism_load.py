"""An initial load from PostgreSQL into an empty warehouse, then the stars, then polls that find nothing."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter

from asterism.adapters.postgres.source import PostgresSource
from asterism.declare.source import Postgres, Pull
from asterism.run.pull import pull
from asterism.run.rebuild import refresh
from benchmarks.place import Place, totesys_models


def main(url: str, scratch: str, idle_polls: int) -> dict[str, object]:
    declared = Postgres(url, exclude=["_prisma_migrations"])
    pulled = Pull(declared, "totesys", every=timedelta(days=1), reconcile=timedelta(days=365))
    with TemporaryDirectory(dir=scratch) as folder:
        place, source = Place(Path(folder)), PostgresSource(declared, url, "totesys")
        started = perf_counter()
        rows = pull(place.warehouse(), pulled, source).added
        raw = perf_counter()
        peak = getrusage(RUSAGE_SELF).ru_maxrss
        warehouse = place.warehouse(*totesys_models())
        loaded = perf_counter()
        refresh(warehouse)
        stars = perf_counter()
        peak_with_stars = getrusage(RUSAGE_SELF).ru_maxrss
        idle = [pull(warehouse, pulled, source).seconds for _ in range(idle_polls)]
        source.close()
        place.engine.close()
    return {
        "rows": rows,
        "raw": raw - started,
        "stars": stars - loaded,
        "peak": peak * 1024,
        "peak_with_stars": peak_with_stars * 1024,
        "idle": idle,
    }


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
