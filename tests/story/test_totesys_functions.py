"""totesys on its stage `aws` as it stands: a schedule wakes the function; S3, Secrets Manager and PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import boto3
import pytest
from conftest import server_folder
from story.house import House
from story.test_totesys import ELEVEN, Totesys

from asterism.adapters.postgres.embedded import embedded

_CALL = """
import json, sys
from asterism.entry.aws_lambda import handler
print(json.dumps(handler(json.load(sys.stdin))))
"""
EVENTBRIDGE = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []}
SCHEDULER = {"source": "asterism", "verb": "pull", "name": "totesys"}


@pytest.fixture(scope="module")
def deployed(aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Totesys]:
    """The stage finds what it names: a bucket, and secrets that lead to two servers of PostgreSQL."""
    house, bucket = House.of("totesys", tmp_path_factory.mktemp("functions")), f"totesys-{uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    with server_folder() as folder, ExitStack() as servers:
        urls = {name: embedded(folder / name) for name in ("TOTESYS_URL", "WAREHOUSE_URL")}
        for name, server in urls.items():
            servers.callback(server.close)
            boto3.client("secretsmanager").create_secret(Name=f"totesys-aws/{name}", SecretString=server.url)
        boto3.client("glue").create_database(DatabaseInput={"Name": bucket.replace("-", "_")})
        catalogue = f"athena://{bucket.replace('-', '_')}?output=s3://{bucket}/answers"
        given = {
            "LAKE_BUCKET": bucket,
            "ASTERISM_CATALOGUE": catalogue,
            "AWS_ALLOW_HTTP": "true",
            "ASTERISM_SECRETS": "awssecrets://totesys-aws",
        }
        totesys = Totesys(house.root, "aws", urls["TOTESYS_URL"].url, given)
        totesys("simulate", "--prepare", "--seed", "7")
        yield totesys


def wake(totesys: Totesys, event: object) -> object:
    """A function that starts, takes one event, and is no more."""
    environment = {**os.environ, **totesys.environment, "ASTERISM_PROJECT": str(totesys.root), "ASTERISM_STAGE": "aws"}
    environment |= {"LAMBDA_TASK_ROOT": "/", "ASTERISM_SCRATCH": str(totesys.root.parent / "scratch")}
    command = [sys.executable, "-c", _CALL]
    done = subprocess.run(
        command, input=json.dumps(event), capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_schedules_event_loads_the_stars_and_the_next_one_what_changed(deployed: Totesys) -> None:
    wake(deployed, SCHEDULER)
    assert deployed.ask("select " + ", ".join(f"(select count(*) from {each}) as {each}" for each in ELEVEN)) == [
        ELEVEN
    ]
    deployed.change("update payment set paid = not paid, last_updated = now() where payment_id = 3")
    deployed.change("delete from payment where payment_id = 4")
    for event in (EVENTBRIDGE, SCHEDULER, SCHEDULER):  # that it comes twice changes nothing
        wake(deployed, event)
    assert deployed.one("select count(*) from fact_payment where payment_id = 3") == 2
    assert "0 differences" in deployed("verify")
    deployed("pull", "--reconcile")
    assert deployed.one("select count(*) from fact_payment where payment_id = 4 and is_current") == 0
    bucket = boto3.resource("s3").Bucket(deployed.environment["LAKE_BUCKET"])
    keys = [each.key for each in bucket.objects.all()]
    assert any(key.startswith("lake/raw/totesys/payment/") for key in keys)
    assert any(key.startswith("lake/processed/fact_payment/") for key in keys)
    assert any("/_" in key and key.endswith(".deleted.parquet") for key in keys)  # which a catalogue passes over


def test_what_was_pulled_is_asked_in_the_lake_by_the_catalogue_and_without_it(deployed: Totesys) -> None:
    wake(deployed, SCHEDULER)
    catalogue = deployed.environment["ASTERISM_CATALOGUE"]
    named = boto3.client("glue").get_tables(DatabaseName=catalogue.removeprefix("athena://").partition("?")[0])
    tables = {each["Name"]: each["StorageDescriptor"]["Columns"] for each in named["TableList"]}
    assert {"totesys_staff", "totesys_sales_order"} <= tables.keys()
    assert {"Name": "staff_id", "Type": "int"} in tables["totesys_staff"]
    sql = "select count(distinct staff_id) as staff from totesys_staff"
    (wanted,) = deployed.ask("select count(*) as staff from totesys.staff")
    settings = deployed.root / "asterism.toml"
    for setting in ("", f'catalogue = "{catalogue}"\n'):
        settings.write_text(settings.read_text().replace("[aws]\n", f"[aws]\n{setting}", 1))
        told = json.loads(deployed("query", "--on", "lake", sql, "--json"))
        assert told["rows"] == [wanted]
