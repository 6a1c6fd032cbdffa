"""Landed tables in Glue, where Athena finds them: `athena://database?region=…`, as `AthenaCatalogue` has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from asterism.adapters.aws.service import Service, code, speaking
from asterism.declare.table import Column
from asterism.errors import EngineError

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_TYPES = {
    "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "int", "BIGINT": "bigint",
    "UTINYINT": "smallint", "USMALLINT": "int", "UINTEGER": "bigint", "UBIGINT": "bigint", "HUGEINT": "double",
    "FLOAT": "float", "DOUBLE": "double", "DATE": "date", "TIMESTAMP": "timestamp", "TIME": "bigint",
    "TIMESTAMP WITH TIME ZONE": "timestamp", "TIMESTAMPTZ": "timestamp", "BLOB": "binary", "UUID": "binary",
    "INTERVAL": "binary",
}  # fmt: skip
"""Of DuckDB's types, what their Parquet is to Athena; texts, JSON and what else there may be are texts."""


class GlueRegister:
    """Implements `Register`: a table `<source>_<table>`, with the day of landing as its partition, which is computed.

    Columns are added, and given another type, and none is taken away: what was landed before has it.
    """

    def __init__(self, uri: str, lake: str) -> None:
        """`lake` is the lake's URL. Raises UsageError."""
        service = Service.of(uri, ("workgroup", "output"))
        self._database, self._client, self._lake = service.name, service.client("glue"), lake.rstrip("/")
        self._known: dict[str, Mapping[str, str]] = {}

    def note(self, source: str, table: str, columns: Sequence[Column]) -> None:
        """See `Register.note`. Asks nothing where nothing is new to this object."""
        name = re.sub(r"[^a-z0-9_]+", "_", f"{source}_{table}".lower())
        wanted = {column.name.lower(): hive(column.type) for column in columns}
        if wanted.items() <= self._known.get(name, {}).items():
            return
        with speaking(EngineError, f"the table {name} of the catalogue {self._database}"):
            there = self._there(name)
            known = (there or {}) | wanted
            described = _described(name, f"{self._lake}/raw/{source}/{table}", known)
            if there is None:
                self._client.create_table(DatabaseName=self._database, TableInput=described)
            elif known != there:
                self._client.update_table(DatabaseName=self._database, TableInput=described)
        self._known[name] = known

    def _there(self, name: str) -> dict[str, str] | None:
        try:
            table = self._client.get_table(DatabaseName=self._database, Name=name)["Table"]
        except ClientError as error:
            if code(error) != "EntityNotFoundException":
                raise
            return None
        return {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}


def hive(kind: str) -> str:
    """A type of DuckDB's, as Glue calls it."""
    kind = kind.upper().strip()
    if kind.endswith("[]"):
        return f"array<{hive(kind[:-2])}>"
    if kind.startswith("DECIMAL"):
        return kind.lower().replace(" ", "")
    return _TYPES.get(kind, "string")


def _described(name: str, folder: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """Nobody has to tell the catalogue of a new day."""
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.landed_on.type": "date",
            "projection.landed_on.format": "yyyy/MM/dd",
            "projection.landed_on.range": "2020/01/01,NOW",
            "projection.landed_on.interval": "1",
            "projection.landed_on.interval.unit": "DAYS",
            "storage.location.template": f"{folder}/${{landed_on}}",
        },
        "PartitionKeys": [{"Name": "landed_on", "Type": "string"}],
        "StorageDescriptor": {
            "Location": f"{folder}/",
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "SerdeInfo": {"SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe"},
        },
    }
