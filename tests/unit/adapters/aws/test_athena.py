"""The lake's tables, asked by Athena: MiniStack's reads the objects themselves, by DuckDB."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import boto3
import msgspec
import pytest
from story.clouds import move_to_aws
from story.house import House

from asterism.adapters.aws.athena import AthenaCatalogue
from asterism.adapters.duckdb.lines import DuckDBLines
from asterism.deploy.aws.catalogue import COLUMNS
from asterism.errors import EngineError
from asterism.ports.log import Logged
from asterism.run.records import landed


@pytest.fixture
def lake(aws, tmp_path):
    """A platform whose stage names the catalogue, with two landed batches and their table."""
    house = House.of("user_data", tmp_path)
    move_to_aws(house, aws)
    bucket, database = house.environment["BUCKET"], f"lake_{uuid4().hex[:8]}"
    text = (house.root / "asterism.toml").read_text()
    output = f"athena://{database}?output=s3://{bucket}/answers"
    (house.root / "asterism.toml").write_text(text.replace("[aws_local]", f'[aws_local]\ncatalogue = "{output}"'))
    at = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
    for number, hour in enumerate(("2026/03/01/12", "2026/03/01/13")):
        records = [
            Logged("shardId-0", (2**180) + each, f"r{number}{each}", "k", at, msgspec.json.encode({"n": each}))
            for each in range(3)
        ]
        key = f"lake/raw/streams/raw-users/{hour}/{number:012d}.ndjson.zst"
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=DuckDBLines().pack(landed(records)))
    glue, folder = boto3.client("glue"), f"s3://{bucket}/lake/raw/streams/raw-users"
    glue.create_database(DatabaseInput={"Name": database})
    parameters = {
        "EXTERNAL": "TRUE", "classification": "json", "projection.enabled": "true", "projection.hour.type": "date",
        "projection.hour.format": "yyyy/MM/dd/HH", "projection.hour.range": "2026/03/01/00,2026/03/02/00",
        "projection.hour.interval": "1", "projection.hour.interval.unit": "HOURS",
        "storage.location.template": f"{folder}/${{hour}}",
    }  # fmt: skip
    descriptor = {
        "Location": f"{folder}/", "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "Columns": [{"Name": name, "Type": kind} for name, kind in COLUMNS],
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }  # fmt: skip
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "raw_users", "TableType": "EXTERNAL_TABLE", "Parameters": parameters,
            "PartitionKeys": [{"Name": "hour", "Type": "string"}], "StorageDescriptor": descriptor,
        },
    )  # fmt: skip
    return house, output


def test_the_lake_is_asked_where_it_lies(lake):
    house, _ = lake
    (row,) = json.loads(
        house("query", "--on", "lake", "select count(*) as n, min(id) as first from raw_users", "--json")
    )["rows"]
    assert row == {"n": 6, "first": "r00"}
    assert "not a SELECT" in house("query", "--on", "lake", "drop table raw_users", code=2)
    assert "--param" in house("query", "--on", "lake", "select 1", "--param", "a=1", code=2)
    assert "nowhere" in house("query", "--on", "moon", "select 1", code=2)


def test_what_athena_refuses_is_told(lake):
    with pytest.raises(EngineError):
        AthenaCatalogue(lake[1]).ask("SELECT * FROM nothing_of_that_name")


def test_values_come_back_with_their_types(lake):
    sql = "SELECT 1 AS a, 2.5 AS b, 'x' AS c, true AS d, CAST(NULL AS integer) AS e, DATE '2026-03-01' AS f"
    columns, ((one, half, text, yes, nothing, day),) = AthenaCatalogue(lake[1]).ask(sql)
    assert columns == ("a", "b", "c", "d", "e", "f")
    assert (one, float(half), text, yes, nothing, str(day)) == (1, 2.5, "x", True, None, "2026-03-01")


def test_a_stage_without_a_catalogue_reads_the_objects_itself(tmp_path):
    house = House.of("totesys", tmp_path)
    assert "Nothing has been landed yet" in house("query", "--on", "lake", "select * from totesys_staff", code=1)
    house("simulate", "--prepare", "--limit", "0")
    house("pull")
    told = json.loads(
        house("query", "--on", "lake", "select count(distinct staff_id) as n from totesys_staff", "--json")
    )
    assert told["rows"] == [{"n": 20}]
    assert "Its tables are totesys_address" in house("query", "--on", "lake", "select * from staff", code=1)
    assert "reaches out" in house("query", "--on", "lake", "select * from read_text('/etc/hostname')", code=2)
    (tmp_path / "beside.csv").write_text("a,b\n1,secret")
    (house.root / ".asterism/dev/lake/raw/readme.txt").write_text("of somebody else")
    said = house("query", "--on", "lake", f"select * from totesys_staff, '{tmp_path}/beside.csv'", code=1)
    assert "secret" not in said.replace("beside.csv", "")
    assert "file system operations are disabled" in said
