"""Firehose: what goes to the lake without a writer of ours, as lines of JSON in a folder for each hour.

A backup is a stream of Kinesis besides, as it came: Kinesis holds frames of many records (adapters/aws/frames.py), so a
function opens them on the way and names the hour in which each came.

A stream that goes to the lake alone is put here, and nowhere else. Where a transform makes another of it, Firehose
writes what the function answers, and the records as they came besides.

Firehose buffers, packs and writes. What a function fails at is written apart, as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.aws.catalogue import BACKUP, LANDED
from asterism.deploy.aws.role import READ_STREAM, assumed_by, policy
from asterism.deploy.aws.setting import bucket_arn
from asterism.deploy.aws.stream import delivered, prefixed
from asterism.deploy.graph import Log
from asterism.deploy.resource import Grant, Resource, label
from asterism.deploy.setting import LOG_DAYS, Place, Setting, reference

FOLDER = BACKUP
PARTS = ("year", "month", "day", "hour")
"""Of the folder's name, as the function tells them: see entry/delivery.py."""
HOUR = "!{timestamp:yyyy/MM/dd/HH}/"
"""That of the first record in an object."""
INVOKED_WITH = 1
"""MB that a call of the function has, at most. Its answer has them again, and six may be there."""


def deliveries(setting: Setting) -> Iterator[Resource]:
    """One for each stream that the settings name, and for each that goes to the lake alone."""
    chosen = [log for log in setting.graph.logs if log.backup or log.delivered]
    if chosen:
        yield assumed_by("firehose.amazonaws.com", "assumed_by_firehose")
    for log in chosen:
        yield from delivery(setting, log)


def delivery(setting: Setting, log: Log) -> Iterator[Resource]:
    """The delivery, its role, and its log of failures."""
    name = delivered(log.name) if log.delivered else label(FOLDER, log.name)
    called = prefixed(setting.graph.stores.delivery, log.name) if log.delivered else setting.name(FOLDER, log.name)
    purpose = f"the delivery of {log.name}" if log.delivered else f"the backup of {log.name}"
    assume = assumed_by("firehose.amazonaws.com", "assumed_by_firehose")
    role = {"name": setting.name(*name.split("_", 1)), "assume_role_policy": assume.ref("json")}
    yield Resource("aws_iam_role", name, role, f"what {purpose} is", log.place)
    yield from policy(name, purpose.removeprefix("the "), log.place, tuple(_granted(setting, log, name)))
    logs = {"name": f"/aws/firehose/{called}", "retention_in_days": LOG_DAYS.ref}
    yield Resource("aws_cloudwatch_log_group", name, logs, f"failures of {purpose}", log.place)
    group = reference("aws_cloudwatch_log_group", name, "name")
    yield Resource(
        "aws_cloudwatch_log_stream", name, {"name": "delivery", "log_group_name": group}, "its lines", log.place
    )
    arguments: dict[str, Any] = {"name": called, "destination": "extended_s3"}
    if log.delivered:
        arguments["server_side_encryption"] = [{"enabled": True, "key_type": "AWS_OWNED_CMK"}]
    else:
        source = {"kinesis_stream_arn": _stream(log), "role_arn": reference("aws_iam_role", name, "arn")}
        arguments["kinesis_source_configuration"] = [source]
    arguments["extended_s3_configuration"] = [_objects(setting, log, name)]
    arguments["depends_on"] = [f"aws_iam_role_policy.{name}"]
    kind = "aws_kinesis_firehose_delivery_stream"
    yield Resource(kind, name, arguments, f"{purpose} {'to' if log.delivered else 'in'} the lake", log.place)


def _granted(setting: Setting, log: Log, name: str) -> Iterator[Grant]:
    lake = Place.of(setting.graph.stores.lake)
    bucket = bucket_arn(setting, lake.bucket)
    if not log.delivered:
        yield Grant(READ_STREAM, (_stream(log),), f"reads {log.name}")
    if log.backup or log.into:
        does = "unpacked" if log.backup else "transformed"
        invoke = ("lambda:GetFunctionConfiguration", "lambda:InvokeFunction")
        yield Grant(invoke, (_function(log),), f"has the records {does}")
    actions = ("s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket",
               "s3:ListBucketMultipartUploads", "s3:PutObject")  # fmt: skip
    landed = [f"{LANDED}/{each}" for each in (log.name, log.into) if each]
    folders = [*landed, f"{FOLDER}/_failed/{log.name}"] if log.delivered else [FOLDER]
    places = (f"{bucket}/{lake.prefix}{folder}/*" for folder in folders)
    yield Grant(actions, (bucket, *places), "writes to the lake")
    lines = f"{reference('aws_cloudwatch_log_group', name, 'arn')}:*"
    yield Grant(("logs:PutLogEvents",), (lines,), "writes its log")


def _objects(setting: Setting, log: Log, name: str) -> dict[str, Any]:
    """Where objects go, when, and what is done on the way."""
    lake = Place.of(setting.graph.stores.lake)
    group = reference("aws_cloudwatch_log_group", name, "name")

    def objects(folder: str) -> dict[str, Any]:
        return {
            "role_arn": reference("aws_iam_role", name, "arn"),
            "bucket_arn": bucket_arn(setting, lake.bucket),
            "prefix": folder,
            "error_output_prefix": f"{lake.prefix}{FOLDER}/_failed/{log.name}/!{{firehose:error-output-type}}/",
            "buffering_size": 64,
            "buffering_interval": 60,
            "compression_format": "GZIP",
            "cloudwatch_logging_options": [{"enabled": True, "log_group_name": group, "log_stream_name": "delivery"}],
        }

    as_it_came = objects(f"{lake.prefix}{LANDED}/{log.name}/{HOUR}")
    if log.delivered and not log.into:
        return as_it_came
    folder = f"{LANDED}/{log.into}" if log.delivered else f"{FOLDER}/{log.name}"
    made = objects(prefix(f"{lake.prefix}{folder}")) | {
        "dynamic_partitioning_configuration": [{"enabled": True}],
        "processing_configuration": [
            {"enabled": True, "processors": [{"type": "Lambda", "parameters": parameters(_function(log))}]}
        ],
    }
    return made | ({"s3_backup_mode": "Enabled", "s3_backup_configuration": [as_it_came]} if log.delivered else {})


def _stream(log: Log) -> str:
    return reference("aws_kinesis_stream", label(log.name), "arn")


def _function(log: Log) -> str:
    return f"{reference('aws_lambda_function', label('delivery', log.name), 'arn')}:$LATEST"


def prefix(folder: str) -> str:
    """The hour in which each record came is its folder. A prefix without a time would be given one, the delivery's."""
    return "/".join([folder, *(f"!{{partitionKeyFromLambda:{part}}}" for part in PARTS), "!{timestamp:mm}-"])


def parameters(opener: str) -> list[dict[str, str]]:
    """Of the function's calls, in the order in which the provider knows them."""
    given = {"LambdaArn": opener, "BufferSizeInMBs": str(INVOKED_WITH), "BufferIntervalInSeconds": "61"}
    return [{"parameter_name": name, "parameter_value": value} for name, value in given.items()]
