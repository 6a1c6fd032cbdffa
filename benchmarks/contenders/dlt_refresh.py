"""The peer of `asterism_refresh`: dlt merges the changed rows, and DuckDB makes the same models anew in SQL.

No history is kept and no change set is told: less than Asterism does. The rows come as Arrow from memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import dlt
import duckdb

from benchmarks import rows

_NAIVE = {name: {"data_type": "timestamp", "timezone": False} for name in ("created_at", "last_updated")}


class Stack:
    """A pipeline into a DuckDB file, and the models behind it as `CREATE OR REPLACE TABLE`."""

    def __init__(self, folder: str) -> None:
        self.file = str(Path(folder) / "warehouse.duckdb")
        destination = dlt.destinations.duckdb(self.file)
        self._pipeline = dlt.pipeline(
            "bench", pipelines_dir=f"{folder}/dlt", destination=destination, dataset_name="totesys"
        )

    def fill(self, facts: int) -> None:
        """Have dlt make each table with a row, and fill it without it: how long that takes is not measured."""
        selects = {**rows.standing(facts), **rows.empty(), "sales_order": rows.orders(rows.numbered(facts), facts)}
        for table, select in selects.items():
            first = select.replace("range(1, 1)", "range(1, 2)")
            self.merge(table, f"SELECT * FROM ({first}) LIMIT 1")
        with duckdb.connect(self.file) as connection:
            for table, select in selects.items():
                connection.execute(f"DELETE FROM totesys.{table}; INSERT INTO totesys.{table} BY NAME {select}")

    def merge(self, table: str, select: str) -> float:
        """Merge rows into a table; answer the seconds."""
        with duckdb.connect() as connection:
            changed = connection.sql(select).to_arrow_table()
        started = perf_counter()
        key = next(iter(rows.TABLES[table]))
        self._pipeline.run(changed, table_name=table, write_disposition="merge", primary_key=key, columns=_NAIVE)
        return perf_counter() - started

    def rebuild(self, models: dict[str, str]) -> float:
        """Make every model anew, in one transaction; answer the seconds."""
        started = perf_counter()
        with duckdb.connect(self.file) as connection:
            connection.execute("SET preserve_insertion_order = false; BEGIN")
            for name, select in models.items():
                connection.execute(f"CREATE OR REPLACE TABLE main.{name} AS {select}")
            connection.execute("COMMIT")
        return perf_counter() - started


def main(
    facts: int, changes: int, runs: int, scratch: str, models: dict[str, str], by_staff: dict[str, str]
) -> dict[str, object]:
    recent, scattered, renamed = [], [], []
    with TemporaryDirectory(dir=scratch) as folder:
        stack = Stack(folder)
        stack.fill(facts)
        stack.rebuild(models)
        for run in range(1, runs + 1):
            merge = stack.merge("sales_order", rows.orders(rows.recent(facts, changes), facts, run))
            recent.append({"merge": merge, "rebuild": stack.rebuild(models)})
            merge = stack.merge("sales_order", rows.orders(rows.scattered(facts, changes, run), facts, 1000 + run))
            scattered.append({"merge": merge, "rebuild": stack.rebuild(models)})
        stack.rebuild(models | by_staff)
        for run in range(1, runs + 1):
            merge = stack.merge("staff", rows.staff("(SELECT 7 AS i)", f"Married {run}"))
            renamed.append({"merge": merge, "rebuild": stack.rebuild(models | by_staff)})
    return {"recent": recent, "scattered": scattered, "renamed": renamed}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
