"""Glue: the landed streams as tables, for Athena and whatever reads that catalogue. Partitions are computed.

What sources have is known when it is landed, so the function that pulls makes those tables (adapters/aws/glue.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asterism.deploy.graph import Log
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Place, Setting, reference

COLUMNS = (("id", "string"), ("received_at", "string"), ("key", "string"), ("partition", "string"),
           ("position", "string"), ("record", "string"))  # fmt: skip
"""Of a landed line: run/records.py, Envelope. `record` is the JSON as it came."""
JSON = "org.openx.data.jsonserde.JsonSerDe"
LINE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
"""Of which a column ends at a control character, which JSON has none of: a line is the column `record`."""
LAKE, BACKUP = "lake", "backup"
LANDED = "raw/streams"
"""The folder of the landed records."""


def database_name(setting: Setting) -> str:
    """The catalogue's database: letters, digits and underscores."""
    return label(setting.target.name)


def catalogue(setting: Setting) -> Iterator[Resource]:
    """A database, a table for each stream, and one for each that is delivered to the lake besides."""
    if not setting.graph.logs and not any(each.uses_of("catalogue") for each in setting.graph.functions):
        return
    lake = Place.of(setting.graph.stores.lake)
    place = setting.graph.place("lake")
    yield Resource("aws_glue_catalog_database", LAKE, {"name": database_name(setting)}, "the lake's catalogue", place)
    for log in setting.graph.logs:
        folder = f"s3://{lake.bucket}/{lake.prefix}{LANDED}/{log.name}"
        yield table(log, label(log.name), folder, COLUMNS, JSON, f"landed records of {log.name}")
        if log.backup:
            folder = f"s3://{lake.bucket}/{lake.prefix}{BACKUP}/{log.name}"
            name = label(BACKUP, log.name)
            yield table(log, name, folder, (("record", "string"),), LINE, f"records of {log.name} as they came")


def table(log: Log, name: str, folder: str, columns: Sequence[tuple[str, str]], serde: str, purpose: str) -> Resource:
    """Lines in a folder for each hour. Nobody has to tell the catalogue of a new hour."""
    arguments = {
        "name": name,
        "database_name": reference("aws_glue_catalog_database", LAKE, "name"),
        "table_type": "EXTERNAL_TABLE",
        "parameters": {
            "EXTERNAL": "TRUE",
            "classification": "json" if serde == JSON else "csv",
            "projection.enabled": "true",
            "projection.hour.type": "date",
            "projection.hour.format": "yyyy/MM/dd/HH",
            "projection.hour.range": "2020/01/01/00,NOW",
            "projection.hour.interval": "1",
            "projection.hour.interval.unit": "HOURS",
            "storage.location.template": f"{folder}/$${{hour}}",
        },
        "partition_keys": [{"name": "hour", "type": "string"}],
        "storage_descriptor": [
            {
                "location": f"{folder}/",
                "input_format": "org.apache.hadoop.mapred.TextInputFormat",
                "output_format": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "columns": [{"name": column, "type": kind} for column, kind in columns],
                "ser_de_info": [{"serialization_library": serde}],
            }
        ],
    }
    return Resource("aws_glue_catalog_table", name, arguments, purpose, log.place)
