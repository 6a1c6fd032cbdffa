"""The peer of `asterism run`: dlt reads what was written since, table by table, and every model is made anew; again.

Deletions, and rows whose `last_updated` lies behind, escape it: less than Asterism does. It prints a line a round: when
it looked, and when what it found could be queried, in seconds since 1970. Until it is terminated.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dlt
import duckdb
from dlt.sources.sql_database import sql_table

from benchmarks.rows import TABLES


def main(url: str, scratch: str, models: dict[str, str]) -> None:
    with TemporaryDirectory(dir=scratch) as folder:
        file = str(Path(folder) / "warehouse.duckdb")
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=f"{folder}/dlt", destination=dlt.destinations.duckdb(file), dataset_name="totesys"
        )
        while True:
            looked = time.time()
            pipeline.run([_changed(url, table) for table in TABLES], write_disposition="merge")
            with duckdb.connect(file) as connection:
                connection.execute("BEGIN")
                for name, select in models.items():
                    connection.execute(f"CREATE OR REPLACE TABLE main.{name} AS {select}")
                connection.execute("COMMIT")
            print(json.dumps((looked, time.time())), flush=True)


def _changed(url: str, table: str) -> object:
    resource = sql_table(
        credentials=url,
        table=table,
        schema="public",
        backend="pyarrow",
        reflection_level="full_with_precision",
        incremental=dlt.sources.incremental("last_updated"),
    )
    resource.apply_hints(primary_key=next(iter(TABLES[table])))
    return resource


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
