"""A small platform of streams, whole: log, lake and warehouse, for tests to write into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from conftest import parquet

from asterism import Platform, Record
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.model import Model
from asterism.declare.stream import Stream, Transform
from asterism.ports.engine import Engine
from asterism.ports.log import Entry
from asterism.run.consume import Writer
from asterism.run.erase import Eraser
from asterism.run.rebuild import rebuild
from asterism.run.review import Review
from asterism.run.streams import SOURCE, Streams
from asterism.run.transform import TransformWorker
from asterism.run.warehouse import Warehouse


class Access(Record, frozen=True):
    service: str
    event: Literal[1, -1]
    eventTime: datetime  # noqa: N815 - as its producers call it


class Person(Record, frozen=True):
    name: str


PER_SERVICE = "select service, sum(event) as inside, count(*) as events from streams.accesses group by service"


def declared() -> Platform:
    """Events with a type; records of any shape, and the persons in them."""
    platform = Platform("small")
    platform.stream("accesses", Access, key="service")
    raw = platform.stream("raw-users", keep="30d")
    persons = platform.stream("persons", Person)

    @platform.transform(raw, into=persons)
    def extract(record: Any) -> list[Person]:
        if not record["names"]:
            raise ValueError("nobody is named")
        return [Person(name=name) for name in record["names"]]

    return platform


@dataclass
class Small:
    """The platform at work in a folder, with the engine that `open_engine` opens."""

    folder: Path
    open_engine: Callable[[], Engine]
    platform: Platform = field(default_factory=declared)
    model: bool = True
    """Whether it has the model `per_service`."""

    def __post_init__(self) -> None:
        self.log = SqliteLog(self.folder / "log.db")
        self.lake = ObstoreLake((self.folder / "lake").as_uri())
        self.open()

    def open(self) -> None:
        """Open the warehouse, as a process that starts does."""
        self.streams = Streams.of(self.platform.streams, DuckDBLines())
        model = Model("per_service", Path("per_service.sql"), "", PER_SERVICE, 1, "mart", ("service",))
        models = (model,) if self.model else ()
        self.warehouse = Warehouse(self.open_engine(), self.lake, parquet(), models, streams=self.streams)
        self.warehouse.ledger.prepare()
        self.writer = Writer(self.warehouse, self.streams, self.log)

    def restart(self) -> None:
        self.warehouse.engine.close()
        self.open()

    def stream(self, name: str) -> Stream:
        return next(each for each in self.platform.streams if each.name == name)

    def send(self, name: str, *records: tuple[str, bytes]) -> None:
        """Append records, each an id and JSON, as the door does but without looking at them."""
        stream = self.stream(name)
        self.log.append(name, [Entry(identifier, "", body) for identifier, body in records], stream.dedupe)

    def access(self, number: int, event: int = 1, service: str = "door-1") -> tuple[str, bytes]:
        text = f'{{"service":"{service}","event":{event},"eventTime":"2026-03-01T12:00:{number % 60:02d}"}}'
        return f"a{number}", text.encode()

    def work(self) -> None:
        """Let transforms and writer do all there is to do."""
        for transform in self.platform.transforms:
            while TransformWorker(transform, self.log).step():
                pass
        while self.writer.step().records:
            pass

    @property
    def review(self) -> Review:
        return Review(self.warehouse, self.streams, self.platform.transforms, self.log)

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.warehouse, self.streams, tellers(self), self.log)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.session.rows(sql)

    def everything(self) -> dict[str, list[str]]:
        """Every table, its rows in some order of their own, by the names of their columns."""
        tables = [
            *(model.name for model in self.warehouse.models),
            *(shape.table.name for shape in self.streams.shapes.values()),
        ]
        return {table: sorted(self._named(table)) for table in tables}

    def _named(self, table: str) -> list[str]:
        names, rows = self.warehouse.engine.ask(f"SELECT * FROM {table}")
        return [str(sorted(zip(names, row, strict=True))) for row in rows]

    def rebuild(self) -> None:
        rebuild(self.warehouse, (SOURCE,))

    def bytes_on_disk(self) -> bytes:
        """All that lies in the folder but the warehouse, landed objects unpacked."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith("warehouse")]
        packed = [path for path in files if path.name.endswith(".ndjson.zst")]
        plain = [path.read_bytes() for path in files if path not in packed]
        return b"".join([*plain, *(self.streams.lines.unpack(path.read_bytes()) for path in packed)])


def tellers(small: Small) -> list[Transform]:
    """Transforms, and views that tell of something, as an eraser takes them."""
    views = [Transform(each.name, each.stream, each.into, each.fold) for each in small.platform.views if each.into]
    return [*small.platform.transforms, *views]
