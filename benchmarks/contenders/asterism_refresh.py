"""Refreshes of a warehouse that holds many sales orders: what 1,000 changed ones cost, and one new name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from asterism.run.pull import Pulled, pull
from asterism.run.rebuild import refresh
from benchmarks import rows
from benchmarks.feed import PULL, Feed
from benchmarks.place import Place, by_staff, totesys_models


def main(facts: int, changes: int, runs: int, scratch: str) -> dict[str, object]:
    with TemporaryDirectory(dir=scratch) as folder:
        place, feed = Place(Path(folder)), Feed()
        warehouse = place.warehouse(*totesys_models())
        started = perf_counter()
        initial = {**rows.standing(facts), **rows.empty(), "sales_order": rows.orders(rows.numbered(facts), facts)}
        feed.give(initial, initial=True)
        pull(warehouse, PULL, feed)
        built = perf_counter() - started
        result: dict[str, object] = {"built": built, "recent": [], "scattered": []}
        recent, scattered = [], []
        for run in range(1, runs + 1):
            feed.give({"sales_order": rows.orders(rows.recent(facts, changes), facts, run)})
            recent.append(_expect(pull(warehouse, PULL, feed), "fact_sales_order", changes))
            feed.give({"sales_order": rows.orders(rows.scattered(facts, changes, run), facts, 1000 + run)})
            scattered.append(_expect(pull(warehouse, PULL, feed), "fact_sales_order", changes))
        warehouse = place.warehouse(*totesys_models(), by_staff())
        refresh(warehouse)
        renamed = []
        for run in range(1, runs + 1):
            feed.give({"staff": rows.staff("(SELECT 7 AS i)", f"Married {run}")})
            renamed.append(_expect(pull(warehouse, PULL, feed), "fact_sale_by_staff", facts // rows.members(facts)))
        result |= {"recent": recent, "scattered": scattered, "renamed": renamed}
        place.engine.close()
    return result


def _expect(pulled: Pulled, table: str, count: int) -> dict[str, float]:
    """The times of a pull, once it is sure that it did the work."""
    (added,) = (each.added for each in pulled.refreshed if each.table == table)
    if not 0.9 * count <= added <= count + 1:
        sys.exit(f"{table}: {added} rows were rewritten in place of {count}")
    return {"refresh": pulled.transaction_seconds, "pull": pulled.seconds, "rewritten": added}


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
