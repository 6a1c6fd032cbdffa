"""Glue: the landed streams as tables, for Athena and whatever reads that catalogue. Partitions are computed."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.aws.setting import Place, Setting, reference
from asterism.deploy.resource import Resource, label

COLUMNS = (("id", "string"), ("received_at", "string"), ("key", "string"), ("partition", "string"),
           ("position", "string"), ("record", "string"))  # fmt: skip
"""Of a landed line: run/records.py, Envelope. `record` is the JSON as it came."""
LAKE = "lake"


def database_name(setting: Setting) -> str:
    """The catalogue's database: letters, digits and underscores."""
    return label(setting.target.name)


def catalogue(setting: Setting) -> Iterator[Resource]:
    """A database, and a table a stream."""
    if not setting.graph.logs:
        return
    lake = Place.of(setting.graph.stores.lake)
    place = setting.graph.place("lake")
    yield Resource("aws_glue_catalog_database", LAKE, {"name": database_name(setting)}, "the lake's catalogue", place)
    for log in setting.graph.logs:
        folder = f"s3://{lake.bucket}/{lake.prefix}raw/streams/{log.name}"
        yield Resource(
            "aws_glue_catalog_table",
            label(log.name),
            {
                "name": label(log.name),
                "database_name": reference("aws_glue_catalog_database", LAKE, "name"),
                "table_type": "EXTERNAL_TABLE",
                "parameters": {
                    "EXTERNAL": "TRUE",
                    "classification": "json",
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
                        "columns": [{"name": name, "type": kind} for name, kind in COLUMNS],
                        "ser_de_info": [{"serialization_library": "org.openx.data.jsonserde.JsonSerDe"}],
                    }
                ],
            },
            f"landed records of {log.name}",
            log.place,
        )
