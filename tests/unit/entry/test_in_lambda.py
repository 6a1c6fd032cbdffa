"""user_data in MiniStack's Lambda: a request goes in, and comes out as a row, with nobody helping on the way."""

from __future__ import annotations

import base64
import io
import json
import os
import site as packages
import time
import zipfile
from pathlib import Path

import boto3
import pytest
import shapes
from story.clouds import move_to_aws
from story.house import House

from asterism.run.tokens import Tokens

SOURCE = Path(__file__).parents[3] / "src"
STREAMS = ("raw-users", "users", "_quarantine")
FUNCTIONS = {
    "http": (),
    "writer": (("warehouse", STREAMS),),
    "transform": (("transform-extract", ("raw-users",)),),
}


def archive(house: House) -> bytes:
    """The platform's files. What Asterism needs comes from this environment, in place of a layer."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as whole:
        for file in house.root.rglob("*"):
            if file.is_file():
                whole.write(file, f"project/{file.relative_to(house.root)}")
    return made.getvalue()


@pytest.fixture
def functions(aws, database, tmp_path):
    """The functions, and what starts them."""
    house = House.of("user_data", tmp_path)
    move_to_aws(house, aws)
    text = (house.root / "asterism.toml").read_text()
    local = 'warehouse = "duckdb:///.asterism/aws_local/warehouse.duckdb"'
    (house.root / "asterism.toml").write_text(text.replace(local, 'warehouse = "${secret:WAREHOUSE_URL}"'))
    name = house.environment["BUCKET"]
    tokens = Tokens(tmp_path / "tokens")
    token, _ = tokens.create(("ingest:raw-users", "read"))
    secrets = {"WAREHOUSE_URL": database.url, "ASTERISM_TOKENS": (tmp_path / "tokens/tokens.json").read_text()}
    for key, value in secrets.items():
        boto3.client("secretsmanager").create_secret(Name=f"{name}/{key}", SecretString=value)
    code = archive(house)
    client, kinesis = boto3.client("lambda"), boto3.client("kinesis")
    for stream in STREAMS:
        kinesis.create_stream(StreamName=f"{name}-{stream}", ShardCount=1)
    made = {}
    for function, consumers in FUNCTIONS.items():
        environment = {
            "ASTERISM_STAGE": house.stage,
            "ASTERISM_SECRETS": f"awssecrets://{name}",
            "ASTERISM_SCRATCH": str(tmp_path / function),
            "ASTERISM_CONSUMER": ",".join(consumer for consumer, _ in consumers),
            "PYTHONPATH": os.pathsep.join([str(SOURCE), *packages.getsitepackages()]),
            **{key: aws[key] for key in ("AWS_ENDPOINT_URL", "AWS_REGION")},
        }
        made[function] = f"{name}-{function}"
        client.create_function(
            FunctionName=made[function], Runtime="python3.11", Handler="asterism.entry.aws_lambda.handler",
            Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": code}, Timeout=60,
            Environment={"Variables": environment},
        )  # fmt: skip
        for _, streams in consumers:
            for stream in streams:
                arn = kinesis.describe_stream_summary(StreamName=f"{name}-{stream}")
                client.create_event_source_mapping(
                    EventSourceArn=arn["StreamDescriptionSummary"]["StreamARN"], FunctionName=made[function],
                    StartingPosition="TRIM_HORIZON", BatchSize=100, FunctionResponseTypes=["ReportBatchItemFailures"],
                )  # fmt: skip
    yield made, token
    for function in made.values():
        client.delete_function(FunctionName=function)


def call(function: str, event: dict) -> dict:
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def test_a_request_becomes_a_row(functions, database):
    made, token = functions
    bearer = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    ana = {"name": {"first_name": "Ana", "last_name": "Roe"}, "zip_code": "02169"}
    assert call(made["http"], shapes.request("POST", "/streams/raw-users", ana))["statusCode"] == 401
    answer = call(made["http"], shapes.request("POST", "/streams/raw-users", [ana, {"x": 1}], **bearer))
    assert answer["statusCode"] == 202, answer
    first, second = json.loads(base64.b64decode(answer["body"]))["ids"]
    end = time.monotonic() + 120
    sql = "SELECT _id, first_name, last_name, zip_code FROM streams.users"
    ready = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'streams' AND table_name = 'users'"
    while database.rows(ready) == [(0,)] or not database.rows(sql):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert database.rows(sql) == [(f"extract/{first}/0", "Ana", "Roe", "02169")]
    while not (aside := database.rows("SELECT record_id FROM streams._quarantine")):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert aside == [(second,)]
    found = call(made["http"], shapes.request("GET", "/queries/users_by_zip_code", **bearer))
    assert found["statusCode"] == 200, found
    assert b"02169" in base64.b64decode(found["body"])
