"""An example that takes in streams, at work within this process, on any engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from conftest import parquet

from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.sqlite.log import SqliteLog
from asterism.adapters.sqlite.state import SqliteState
from asterism.ports.engine import Engine
from asterism.ports.log import Entry
from asterism.project.load import Project, load
from asterism.run.answer import answer
from asterism.run.consume import Writer
from asterism.run.records import Shape
from asterism.run.refresh import Refreshed
from asterism.run.review import Item, Review
from asterism.run.simulate_events import EventsReport, simulate_events
from asterism.run.streams import Streams
from asterism.run.transform import TransformWorker
from asterism.run.verify import verify
from asterism.run.view import ViewWorker
from asterism.run.warehouse import Warehouse

EXAMPLES = Path(__file__).parents[3] / "examples"


class Pushed:
    """One example in a folder."""

    def __init__(self, project: Project, folder: Path, engine: Engine) -> None:
        self.project = project
        self.log, self.state = SqliteLog(folder / "log.db"), SqliteState(folder / "views.db")
        streams = Streams.of(project.platform.streams, DuckDBLines())
        lake = ObstoreLake((folder / "lake").as_uri())
        self.warehouse = Warehouse(engine, lake, parquet(), tuple(project.models.values()), streams=streams)
        self.warehouse.ledger.prepare()
        self.review = Review(self.warehouse, streams, project.platform.transforms, self.log)
        self._writer = Writer(self.warehouse, streams, self.log)

    def close(self) -> None:
        self.warehouse.engine.close()
        self.state.close()
        self.log.close()

    def send(self, name: str, *records: Any) -> None:
        """Append records as the door does, and let everybody do what there is to do."""
        self._append(name, *records)
        self.work()

    def take(self, name: str, *records: Any) -> tuple[Refreshed, ...]:
        """Append records, and let the writer take its next step; answer what became of each table."""
        self._append(name, *records)
        return self._writer.step().done.refreshed

    def _append(self, name: str, *records: Any) -> None:
        stream = next(each for each in self.project.platform.streams if each.name == name)
        admitted = [Shape(stream).admit(json.dumps(record, default=datetime.isoformat).encode()) for record in records]
        self.log.append(name, [Entry(uuid4().hex, each.key, each.body) for each in admitted], stream.dedupe)

    def simulate(self, limit: int, seed: int = 0) -> EventsReport:
        report = simulate_events(self.project.event_simulators[0], self.log, limit=limit, speed=0, seed=seed)
        self.work()
        return report

    def work(self) -> None:
        for transform in self.project.platform.transforms:
            while TransformWorker(transform, self.log).step():
                pass
        while self._writer.step().records:
            pass
        for view in self.project.platform.views:
            worker = ViewWorker(view, Shape(view.stream), self.log, self.state)
            while worker.step(0.0):
                pass

    def view(self, name: str) -> dict[Any, Any]:
        """The states of a view by key, or by key and window."""
        kept = self.state.scan(name, limit=100_000)
        return {(each.key, each.window) if each.window else each.key: json.loads(each.value) for each in kept}

    def ask(self, query: str, **values: str) -> list[dict[str, Any]]:
        found = answer(self.warehouse, self.project.queries.get(query, query), values)
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]

    def aside(self) -> list[Item]:
        return self.review.items()

    def is_right(self) -> bool:
        """Whether every model holds what a look at everything would give."""
        return not any(each.count for each in verify(self.warehouse))


@contextmanager
def pushed(example: str, folder: Path, engine: Callable[[], Engine]) -> Iterator[Pushed]:
    made = Pushed(load(EXAMPLES / example, "dev", {}), folder, engine())
    try:
        yield made
    finally:
        made.close()
