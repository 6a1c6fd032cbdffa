"""Questions to a BigQuery warehouse: jobs of their own, each of which reads one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb

from asterism.adapters.gcp.bigquery.reading import Rows, arrow
from asterism.adapters.gcp.bigquery.service import Service
from asterism.adapters.gcp.bigquery.types import column_of, decoders
from asterism.declare.table import Column, spelt
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream
from asterism.ports.reader import Explained

_PART = 1_000
"""Rows handed over at once."""


class BigQueryReader:
    """Implements `Reader`. Statements are kept from writing by who asks them: they are single SELECTs."""

    dialect = "bigquery"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._closed = False

    @property
    def is_open(self) -> bool:
        """See `Reader.is_open`."""
        return not self._closed

    def shape(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Column, ...]:
        """See `Reader.shape`. A dry run: it costs nothing."""
        answer = self._open().query(sql, parameters, dryRun=True)
        return tuple(map(column_of, answer.get("schema", {}).get("fields", [])))

    def rows(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        columns: Sequence[Column] = (),  # noqa: ARG002 - of the port
    ) -> Iterator[list[tuple[Any, ...]]]:
        """See `Reader.rows`."""
        service = self._open()
        answer = service.query(sql, parameters, page=_PART)
        make = decoders(answer.get("schema", {}).get("fields", []))
        for part in service.pages(answer, _PART):
            if part:
                yield [tuple(each(cell["v"]) for each, cell in zip(make, row["f"], strict=True)) for row in part]

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> ArrowStream:
        """See `Reader.fetch`."""
        service = self._open()
        return arrow_of(service, sql, lambda text: service.query(text, parameters, page=0))

    def explain(self, sql: str, parameters: Sequence[Any] = ()) -> Explained:
        """See `Reader.explain`. A dry run: it costs nothing, and tells what the question would."""
        answer = self._open().query(sql, parameters, dryRun=True)
        size = int(answer.get("totalBytesProcessed", 0))
        return Explained(f"BigQuery would read {size:,} bytes ({size / 2**40:.6f} TiB, as they are billed).", size)

    def interrupt(self) -> None:
        """See `Reader.interrupt`."""
        self._service.interrupt()

    def close(self) -> None:
        """See `Reader.close`."""
        if not self._closed:
            self._closed = True
            self._service.interrupt()
            self._service.close()

    def _open(self) -> Service:
        if self._closed:
            raise EngineError(self._service.name, "the connection is closed", "Ask again.", unavailable=True)
        return self._service


def arrow_of(service: Service, sql: str, ask: Callable[[str], dict[str, Any]]) -> ArrowStream:
    """The answer to a question as a stream. What DuckDB has no decimal for comes as text."""
    answer = ask(sql)
    fields = answer["schema"]["fields"]
    wide = [field["name"] for field in fields if field["type"] == "BIGNUMERIC"]
    if wide:
        texts = ", ".join(f"CAST(`{name}` AS STRING) AS `{name}`" for name in wide)
        answer = ask(f"SELECT * REPLACE ({texts}) FROM ({sql})")
    found = arrow(service.name, service.destination(answer))
    if all(spelt(field["name"]) == field["name"] for field in fields):
        return found
    renamed = duckdb.connect()
    renamed.register("_found", found)
    names = ", ".join(f'"{field["name"]}" AS "{spelt(field["name"])}"' for field in fields)
    return Rows(renamed.sql(f"SELECT {names} FROM _found"))
