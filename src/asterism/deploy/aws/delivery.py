"""Firehose: streams that go to the lake besides, as they came: lines of JSON in a folder for each hour.

Kinesis holds frames of many records (adapters/aws/frames.py), so a function opens them on the way and names the hour in
which each came; Firehose buffers, packs and writes. What the function fails at is written apart, as it came.
"""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.aws.catalogue import BACKUP
from asterism.deploy.aws.role import READ_STREAM, assumed_by, policy
from asterism.deploy.aws.setting import bucket_arn
from asterism.deploy.graph import Log
from asterism.deploy.resource import Grant, Resource, label
from asterism.deploy.setting import LOG_DAYS, Place, Setting, reference

FOLDER = BACKUP
PARTS = ("year", "month", "day", "hour")
"""Of the folder's name, as the function tells them: see entry/delivery.py."""
INVOKED_WITH = 1
"""MB that a call of the function has, at most. Its answer has them again, and six may be there."""


def deliveries(setting: Setting) -> Iterator[Resource]:
    """One for each stream that the settings name."""
    backed = [log for log in setting.graph.logs if log.backup]
    if backed:
        yield assumed_by("firehose.amazonaws.com", "assumed_by_firehose")
    for log in backed:
        yield from delivery(setting, log)


def delivery(setting: Setting, log: Log) -> Iterator[Resource]:
    """The delivery, its role, and its log of failures."""
    name = label(FOLDER, log.name)
    lake = Place.of(setting.graph.stores.lake)
    bucket = bucket_arn(setting, lake.bucket)
    stream = reference("aws_kinesis_stream", label(log.name), "arn")
    group = reference("aws_cloudwatch_log_group", name, "name")
    opener = f"{reference('aws_lambda_function', label('delivery', log.name), 'arn')}:$LATEST"
    assume = assumed_by("firehose.amazonaws.com", "assumed_by_firehose")
    role = {"name": setting.name(FOLDER, log.name), "assume_role_policy": assume.ref("json")}
    yield Resource("aws_iam_role", name, role, f"what the backup of {log.name} is", log.place)
    actions = ("s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket",
               "s3:ListBucketMultipartUploads", "s3:PutObject")  # fmt: skip
    granted = (
        Grant(READ_STREAM, (stream,), f"reads {log.name}"),
        Grant(("lambda:GetFunctionConfiguration", "lambda:InvokeFunction"), (opener,), "has the records unpacked"),
        Grant(actions, (bucket, f"{bucket}/{lake.prefix}{FOLDER}/*"), "writes to the lake"),
        Grant(
            ("logs:PutLogEvents",),
            (f"{reference('aws_cloudwatch_log_group', name, 'arn')}:*",),
            "writes its log",
        ),
    )
    yield from policy(name, f"backup of {log.name}", log.place, granted)
    group_name = f"/aws/firehose/{setting.name(FOLDER, log.name)}"
    logs = {"name": group_name, "retention_in_days": LOG_DAYS.ref}
    yield Resource("aws_cloudwatch_log_group", name, logs, f"failures of the backup of {log.name}", log.place)
    yield Resource(
        "aws_cloudwatch_log_stream", name, {"name": "delivery", "log_group_name": group}, "its lines", log.place
    )
    folder = f"{lake.prefix}{FOLDER}/{log.name}"
    yield Resource(
        "aws_kinesis_firehose_delivery_stream",
        name,
        {
            "name": setting.name(FOLDER, log.name),
            "destination": "extended_s3",
            "kinesis_source_configuration": [
                {"kinesis_stream_arn": stream, "role_arn": reference("aws_iam_role", name, "arn")}
            ],
            "extended_s3_configuration": [
                {
                    "role_arn": reference("aws_iam_role", name, "arn"),
                    "bucket_arn": bucket,
                    "prefix": prefix(folder),
                    "error_output_prefix": f"{lake.prefix}{FOLDER}/_failed/{log.name}/!{{firehose:error-output-type}}/",
                    "buffering_size": 64,
                    "buffering_interval": 60,
                    "compression_format": "GZIP",
                    "cloudwatch_logging_options": [
                        {"enabled": True, "log_group_name": group, "log_stream_name": "delivery"}
                    ],
                    "dynamic_partitioning_configuration": [{"enabled": True}],
                    "processing_configuration": [
                        {"enabled": True, "processors": [{"type": "Lambda", "parameters": parameters(opener)}]}
                    ],
                }
            ],
            "depends_on": [f"aws_iam_role_policy.{name}"],
        },
        f"the backup of {log.name} in the lake",
        log.place,
    )


def prefix(folder: str) -> str:
    """The hour in which each record came is its folder. A prefix without a time would be given one, the delivery's."""
    return "/".join([folder, *(f"!{{partitionKeyFromLambda:{part}}}" for part in PARTS), "!{timestamp:mm}-"])


def parameters(opener: str) -> list[dict[str, str]]:
    """Of the function's calls, in the order in which the provider knows them."""
    given = {"LambdaArn": opener, "BufferSizeInMBs": str(INVOKED_WITH), "BufferIntervalInSeconds": "61"}
    return [{"parameter_name": name, "parameter_value": value} for name, value in given.items()]
