"""A copy of an example on the servers that stand in for a cloud: a stage of its own in `asterism.toml`, and no more."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from gcs_server import Buckets
from story.house import House

AWS = """
[aws_local]
warehouse = "duckdb:///.asterism/aws_local/warehouse.duckdb"
lake = "s3://{name}/lake"
log = "kinesis://{name}?positions={name}-positions&shards=2"
views = "dynamodb://{name}-views"
events = "dynamodb://{name}-events"
body_limit = 5_000_000
"""


GCP = """
[gcp_local]
warehouse = "duckdb:///.asterism/gcp_local/warehouse.duckdb"
lake = "gs://{name}/lake"
log = "pubsub://project/{name}"
views = "bigtable://project/{name}/views"
events = "bigtable://project/{name}/events"
"""


def move_to_gcp(house: House, buckets: Buckets, warehouse: str = "") -> None:
    """Pub/Sub, Bigtable and Cloud Storage; the warehouse is a file unless another is named, `bigquery://…` say."""
    name = f"{house.root.name.replace('_', '-')}-{uuid4().hex[:12]}"
    buckets.objects[name] = {}
    section = GCP.format(name=name)
    if warehouse:
        section = section.replace("duckdb:///.asterism/gcp_local/warehouse.duckdb", warehouse)
    settings = house.root / "asterism.toml"
    settings.write_text(settings.read_text() + section)
    house.stage = "gcp_local"


def move_to_aws(house: House, environment: dict[str, str]) -> None:
    """Kinesis, DynamoDB and S3; the warehouse is a file."""
    import boto3

    name = f"{house.root.name.replace('_', '-')}-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    settings = house.root / "asterism.toml"
    settings.write_text(settings.read_text() + AWS.format(name=name))
    house.stage = "aws_local"
    house.environment |= {**environment, "BUCKET": name}


def copy_lake(house: House, folder: Path) -> None:
    """Bring the lake's objects that are not there yet into a folder."""
    import boto3

    bucket = boto3.resource("s3").Bucket(house.environment["BUCKET"])
    for each in bucket.objects.filter(Prefix="lake/"):
        file = folder / each.key.removeprefix("lake/")
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            bucket.download_file(each.key, str(file))
