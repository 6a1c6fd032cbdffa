"""The peer of `asterism_load`: dlt from PostgreSQL into DuckDB, then incremental runs that find nothing.

Only the sales orders are loaded, with no incremental cursor and no lake beside the warehouse: less than Asterism does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter

import dlt
import duckdb
from dlt.sources.sql_database import sql_table

BACKENDS = {"connectorx": {"return_type": "arrow"}, "pyarrow": {}}


def main(url: str, backend: str, scratch: str, idle_polls: int) -> dict[str, object]:
    with TemporaryDirectory(dir=scratch) as folder:
        file = str(Path(folder) / "warehouse.duckdb")
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=f"{folder}/dlt", destination=dlt.destinations.duckdb(file), dataset_name="totesys"
        )
        common = {
            "credentials": url,
            "table": "sales_order",
            "schema": "public",
            "backend": backend,
            "backend_kwargs": BACKENDS[backend],
            "chunk_size": 100_000,
        }
        started = perf_counter()
        pipeline.run(sql_table(**common), write_disposition="append")
        loaded = perf_counter()
        peak = getrusage(RUSAGE_SELF).ru_maxrss
        with duckdb.connect(file) as connection:
            rows, latest = connection.execute("SELECT count(*), max(last_updated) FROM totesys.sales_order").fetchall()[
                0
            ]
        idle = []
        for _ in range(idle_polls + 1 if idle_polls else 0):
            newer = dlt.sources.incremental("last_updated", initial_value=latest, range_start="open")
            polled = perf_counter()
            table = sql_table(**common, incremental=newer)
            pipeline.run(table, write_disposition="merge", primary_key="sales_order_id")
            idle.append(perf_counter() - polled)
    return {"rows": rows, "raw": loaded - started, "peak": peak * 1024, "idle": idle[1:]}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
