"""The lake's catalogue, asked by Athena: `athena://database?workgroup=primary&output=s3://bucket/prefix&region=…`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from asterism.adapters.aws.service import Service, speaking
from asterism.errors import EngineError

_GLANCE, _LONGEST = 0.1, 1.0
_TYPES: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
"""Athena answers texts, and the types of the columns beside them."""


class AthenaCatalogue:
    """Implements `Catalogue`. What a question scans is billed by the byte: name a partition where there are some."""

    dialect = "athena"

    def __init__(self, uri: str, patience: float = 600.0) -> None:
        """`patience`: seconds after which a question is given up, and stopped. Raises UsageError."""
        service = Service.of(uri, ("workgroup", "output"))
        self._database, self._patience = service.name, patience
        self._client = service.client("athena")
        self._given: dict[str, Any] = {"WorkGroup": service.options.get("workgroup", "primary")}
        if "output" in service.options:
            self._given["ResultConfiguration"] = {"OutputLocation": service.options["output"]}

    def ask(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """See `Catalogue.ask`."""
        with speaking(EngineError, f"the catalogue {self._database}"):
            context = {"Database": self._database}
            begun = self._client.start_query_execution(QueryString=sql, QueryExecutionContext=context, **self._given)
            ident = begun["QueryExecutionId"]
            self._wait(ident)
            pages = self._client.get_paginator("get_query_results").paginate(QueryExecutionId=ident)
            columns: list[Mapping[str, Any]] = []
            found: list[Any] = []
            for page in pages:
                columns = columns or page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
                found += page["ResultSet"]["Rows"]
        kinds = [_TYPES.get(each["Type"].partition("(")[0], str) for each in columns]
        rows = [
            tuple(_value(kind, each) for kind, each in zip(kinds, row["Data"], strict=True))
            for row in found[1:]  # the first holds the names
        ]
        return tuple(each["Name"] for each in columns), rows

    def _wait(self, ident: str) -> None:
        until, pause = time.monotonic() + self._patience, _GLANCE
        while True:
            status = self._client.get_query_execution(QueryExecutionId=ident)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] in {"FAILED", "CANCELLED"}:
                raise EngineError(f"the catalogue {self._database}", status.get("StateChangeReason", "it was stopped"))
            if time.monotonic() > until:
                self._client.stop_query_execution(QueryExecutionId=ident)
                fact = f"the question took longer than {self._patience:.0f} s"
                raise EngineError(f"the catalogue {self._database}", fact, "Ask for less: a partition, a day.")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)


def _value(kind: Callable[[str], Any], datum: Mapping[str, str]) -> Any:
    text = datum.get("VarCharValue")
    return None if text is None else kind(text)
