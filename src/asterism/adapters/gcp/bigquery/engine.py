"""BigQuery as the warehouse. See docs/decisions/0024-the-warehouse-in-bigquery.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from asterism.adapters.gcp.bigquery.loading import Incoming, received
from asterism.adapters.gcp.bigquery.reader import BigQueryReader, arrow_of
from asterism.adapters.gcp.bigquery.service import Service
from asterism.adapters.gcp.bigquery.session import Session
from asterism.adapters.gcp.bigquery.turn import PATIENCE, Turn
from asterism.adapters.gcp.bigquery.types import column_of, declared, decoders
from asterism.adapters.gcp.bigquery.writing import write
from asterism.declare.table import Column, flat, plain, spelt
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream

_PAGE = 10_000
_HEAD = re.compile(
    r"\s*(?P<verb>CREATE|DROP|ALTER)\s+(?:OR\s+REPLACE\s+)?(?P<brief>TEMP(?:ORARY)?\s+)?(?P<kind>TABLE|SCHEMA)\s+"
    r"(?P<unless>IF\s+(?:NOT\s+)?EXISTS\s+)?`?(?P<name>[^`\s(]+)`?",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\s*(SELECT|WITH|\()", re.IGNORECASE)


class BigQueryEngine:
    """Implements `Engine`. `schema.table` is the table `schema__table` of the dataset.

    Tables are made, changed and dropped outside of BigQuery's transactions, which take no such statement: others may
    see an empty table, or one of another form, before a transaction commits. A rollback undoes that too.
    """

    dialect = "bigquery"
    enforces_keys = False
    makes_tables_apart = True

    def __init__(self, uri: str, *, patience: float = PATIENCE) -> None:
        """`bigquery://project/dataset`. Raises UsageError, and EngineError where there is no such dataset.

        `patience` is how many seconds to wait for another process, and when one that is silent is taken for dead.
        """
        self._uri = uri
        self._service = Service(uri)
        self._turn = Turn(self._service, patience)
        self._turn.settle()
        self._session = Session(self._service, self._turn)
        self._readers: list[BigQueryReader] = []
        self._carriers: list[str] = []
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Engine.transaction`."""
        self._open()
        try:
            with self._session.transaction():
                yield
        finally:
            for name in self._carriers:
                self._drop(name)
            self._carriers.clear()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """See `Engine.execute`."""
        return int(self._run(sql, parameters).get("numDmlAffectedRows", -1))

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """See `Engine.later`."""
        if _HEAD.match(sql) is None and self._session.inside:
            self._open()
            self._session.later(sql, parameters)
        else:
            self._run(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Engine.rows`."""
        return self.ask(sql, parameters)[1]

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """See `Engine.ask`."""
        answer = self._run(sql, parameters)
        fields = answer.get("schema", {}).get("fields", [])
        make = decoders(fields)
        found = [
            tuple(each(cell["v"]) for each, cell in zip(make, row["f"], strict=True))
            for part in self._service.pages(answer, _PAGE)
            for row in part
        ]
        return tuple(spelt(field["name"]) for field in fields), found

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Engine.fetch`. Decimals beyond NUMERIC are text."""
        return arrow_of(self._service, sql, lambda text: self._run(text, parameters))

    def load(self, table: str, columns: Sequence[Column], data: ArrowStream, *, temporary: bool = False) -> int:
        """See `Engine.load`."""
        with received(table, columns, data) as incoming:
            if temporary and not self._session.has(table):
                self._take_in(f"CREATE TEMP TABLE `{table}` AS ", incoming)
                return incoming.rows
            name = flat(table)
            if not temporary and self._service.table(name) is None:
                self.execute(f"CREATE TABLE `{name}` ({', '.join(map(_spelled, columns))})")
            names = ", ".join(f"`{plain(column.name)}`" for column in columns)
            self._take_in(f"INSERT INTO `{name}` ({names}) ", incoming)
            return incoming.rows

    def columns(self, table: str) -> tuple[Column, ...]:
        """See `Engine.columns`."""
        self._open()
        if self._session.has(table):
            return tuple(map(column_of, self._session.shape(table)))
        found = (self._service.table(flat(table)) or {}).get("schema", {})
        return tuple(map(column_of, found.get("fields", [])))

    def scrub(self) -> None:
        """See `Engine.scrub`. What was deleted can be read for the dataset's time of travel, seven days at most."""

    def reader(self) -> BigQueryReader:
        """See `Engine.reader`."""
        self._open()
        made = BigQueryReader(Service(self._uri))
        self._readers.append(made)
        return made

    def close(self) -> None:
        """See `Engine.close`."""
        if self._closed:
            return
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        with suppress(EngineError):
            self._session.end()
        self._service.close()
        self._closed = True

    def interrupt(self) -> None:
        """Stop the running statement, from another thread."""
        self._service.interrupt()

    def _run(self, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        self._open()
        head = _HEAD.match(sql)
        if head is None:
            return self._session.run(sql, parameters, asks=_QUESTION.match(sql) is not None)
        if head["kind"].upper() == "SCHEMA":
            return {}  # a schema is the beginning of a name: there is nothing to make
        verb, name = head["verb"].upper(), head["name"]
        if head["brief"] or self._session.has(name):
            self._session.brief(verb, name, sql, parameters)
        else:
            self._session.change(verb, name, sql)
        return {}

    def _take_in(self, begin: str, incoming: Incoming) -> None:
        text = incoming.inline()
        if text is not None:
            self.later(begin + incoming.values(None), [text])
            return
        name = self._carried(incoming)
        self._session.renew()  # a transaction sees what stood when it began
        self.later(begin + incoming.values(name))
        if self._session.inside:
            self._carriers.append(name)
        else:
            self._drop(name)

    def _carried(self, incoming: Incoming) -> str:
        """The table of a day's life into which the rows have been brought."""
        with incoming.parts() as parts, suppress(EngineError):  # what the one way does not take, the other does
            if parts is not None:
                name = self._service.passing(f"_load_{uuid4().hex}", incoming.fields)
                if write(self._service.resource(name), parts) == incoming.rows:
                    return name
        name = self._service.passing(f"_load_{uuid4().hex}", incoming.fields)
        self._service.upload(name, incoming.file)
        return name

    def _drop(self, name: str) -> None:
        with suppress(EngineError):  # it goes by itself
            self._service.query(f"DROP TABLE IF EXISTS `{name}`")

    def _open(self) -> None:
        if self._closed:
            raise EngineError(self._service.name, "the connection is closed", unavailable=True)


def _spelled(column: Column) -> str:
    return f"`{plain(column.name)}` {declared(column.type)}"
