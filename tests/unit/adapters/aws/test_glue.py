"""Landed tables in Glue: made, given the columns that come later, and left alone otherwise."""

from __future__ import annotations

from uuid import uuid4

import boto3
import pytest
from forwarder import forwarding

from asterism.adapters.aws.glue import GlueRegister, hive
from asterism.declare.table import Column
from asterism.errors import EngineError

STAFF = (Column("staff_id", "INTEGER", nullable=False), Column("Name", "VARCHAR"), Column("paid", "DECIMAL(10,2)"))


@pytest.fixture
def database(aws):
    name = f"lake_{uuid4().hex}"
    boto3.client("glue").create_database(DatabaseInput={"Name": name})
    return name


def columns(database, table):
    found = boto3.client("glue").get_table(DatabaseName=database, Name=table)["Table"]
    return {each["Name"]: each["Type"] for each in found["StorageDescriptor"]["Columns"]}


def test_a_table_is_made_with_partitions_that_are_computed(database):
    GlueRegister(f"athena://{database}", "s3://bucket/lake/").note("totesys", "staff", STAFF)
    table = boto3.client("glue").get_table(DatabaseName=database, Name="totesys_staff")["Table"]
    assert columns(database, "totesys_staff") == {"staff_id": "int", "name": "string", "paid": "decimal(10,2)"}
    assert table["StorageDescriptor"]["Location"] == "s3://bucket/lake/raw/totesys/staff/"
    assert table["PartitionKeys"] == [{"Name": "landed_on", "Type": "string"}]
    parameters = table["Parameters"]
    assert parameters["projection.enabled"] == "true"
    assert parameters["storage.location.template"] == "s3://bucket/lake/raw/totesys/staff/${landed_on}"


def test_columns_that_come_later_are_added_and_none_is_taken_away(aws, database):
    asked = []

    def let(target, body, carry):
        asked.append(target.rpartition(".")[2])
        return carry(body)

    with forwarding(aws["AWS_ENDPOINT_URL"], let) as way:
        register = GlueRegister(f"athena://{database}?endpoint={way}", "s3://bucket")
        register.note("totesys", "staff", STAFF)
        register.note("totesys", "staff", STAFF[:1])
        assert asked == ["GetTable", "CreateTable"]
        later = GlueRegister(f"athena://{database}?endpoint={way}", "s3://bucket")  # another process
        later.note("totesys", "staff", STAFF)
        assert asked[2:] == ["GetTable"]
        later.note("totesys", "staff", (*STAFF[:2], Column("since", "DATE"), Column("paid", "DOUBLE")))
        assert asked[3:] == ["GetTable", "UpdateTable"]
    found = {"staff_id": "int", "name": "string", "paid": "double", "since": "date"}
    assert columns(database, "totesys_staff") == found


def test_a_database_that_is_not_there_is_told_with_the_table(aws):
    with pytest.raises(EngineError, match="the table totesys_staff of the catalogue nowhere"):
        GlueRegister("athena://nowhere", "s3://bucket").note("totesys", "staff", STAFF)


@pytest.mark.parametrize(
    ("kind", "known"),
    [("BIGINT", "bigint"), ("VARCHAR", "string"), ("JSON", "string"), ("TIMESTAMP", "timestamp"),
     ("INTEGER[]", "array<int>"),
     ("DECIMAL(38, 9)", "decimal(38,9)"), ("TIMESTAMP WITH TIME ZONE", "timestamp"), ("UUID", "binary")],
)  # fmt: skip
def test_types_are_those_by_which_athena_reads_parquet(kind, known):
    assert hive(kind) == known
