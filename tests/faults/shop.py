"""A small platform for trouble: a shop whose sales become a fact with history, a dimension and a mart."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from conftest import Database
from faults.scene import ASTERISM

FILES = {
    "platform.py": """\
from asterism import Platform
from asterism.sources import Postgres

platform = Platform("shop")
platform.pull(Postgres("${SHOP_URL}"), into="shop", every="200ms")
""",
    "asterism.toml": """\
[dev]
warehouse = "${WAREHOUSE_URL:-duckdb:///.asterism/dev/warehouse.duckdb}"
lake = ".asterism/dev/lake"

[prod]
warehouse = "duckdb:///.asterism/prod/warehouse.duckdb"
lake = ".asterism/prod/lake"
production = true
""",
    "models/dim_item.sql": """\
-- What is sold.
-- kind: dimension
-- key: item_id
select item_id, name from shop.item
""",
    "models/fact_sale.sql": """\
-- Each sale, in every version.
-- kind: fact
-- key: sale_id
-- history: versions
select sale_id, item_id, cast(amount as integer) as amount from shop.sale
""",
    "models/sales_per_item.sql": """\
-- What each item has brought.
-- kind: mart
-- key: item_id
select item_id, sum(amount) as amount from fact_sale where is_current group by item_id
""",
}
TABLES = (
    "create table item (item_id int primary key, name text not null)",
    "create table sale (sale_id int primary key, item_id int not null, amount text not null)",
    "insert into item select i, 'item ' || i from generate_series(1, 10) i",
    "insert into sale select i, 1 + i % 10, i::text from generate_series(1, 100) i",
)


@dataclass
class Shop:
    """The platform in a folder, its source a database."""

    root: Path
    source: Database
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SHOP_URL": self.source.url, **self.variables}

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run a command; answer what it printed, remarks and errors at the end."""
        done = self._done(*arguments, **environment)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        assert "fault of its own" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def _done(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(ASTERISM), *arguments, "--project", str(self.root)]
        given = {name: value for name, value in (self.environment | environment).items() if value}
        return subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=60)

    def rows(self, sql: str) -> list[list[Any]]:
        done = self._done("query", sql, "--json")
        assert done.returncode == 0, done.stderr
        return [list(row.values()) for row in json.loads(done.stdout)["rows"]]

    @contextmanager
    def running(self) -> Iterator[Running]:
        """`asterism run`, until the end, which is to be a good one."""
        command = [str(ASTERISM), "run", "--no-http", "--json", "--project", str(self.root)]
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running = Running(process)
        try:
            running.next("started")
            yield running
            process.send_signal(signal.SIGTERM)
            running.next("stopped")
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
            assert "Traceback" not in errors, errors
        finally:
            process.kill()
            process.communicate()


class Running:
    """The events that a `run` tells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        Thread(target=self._read, daemon=True).start()

    def next(self, event: str, **holding: Any) -> dict[str, Any]:
        """The next event of this name that holds these values."""
        while True:
            found = self._events.get(timeout=60)
            if found["event"] == event and all(found[name] == value for name, value in holding.items()):
                return found

    def refreshed(self) -> dict[str, Any]:
        """The next pull that moved models: not a chunk of the initial load."""
        while not (found := self.next("pulled"))["refreshed"]:
            pass
        return found

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
