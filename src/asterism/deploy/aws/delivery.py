"""Firehose: streams that go to the lake besides, as they came, without a function that has to be right."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.aws.role import READ_STREAM, assumed_by, policy
from asterism.deploy.aws.setting import LOG_DAYS, Place, Setting, bucket_arn, reference
from asterism.deploy.graph import Log
from asterism.deploy.resource import Grant, Resource, label

FOLDER = "backup"


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
    assume = assumed_by("firehose.amazonaws.com", "assumed_by_firehose")
    role = {"name": setting.name(FOLDER, log.name), "assume_role_policy": assume.ref("json")}
    yield Resource("aws_iam_role", name, role, f"what the backup of {log.name} is", log.place)
    actions = ("s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket",
               "s3:ListBucketMultipartUploads", "s3:PutObject")  # fmt: skip
    granted = (
        Grant(READ_STREAM, (stream,), f"reads {log.name}"),
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
                    "prefix": f"{folder}/!{{timestamp:yyyy/MM/dd/HH}}/",
                    "error_output_prefix": f"{lake.prefix}{FOLDER}/_failed/{log.name}/!{{firehose:error-output-type}}/",
                    "buffering_size": 64,
                    "buffering_interval": 60,
                    "compression_format": "GZIP",
                    "cloudwatch_logging_options": [
                        {"enabled": True, "log_group_name": group, "log_stream_name": "delivery"}
                    ],
                    # Records carry no line end of their own.
                    "processing_configuration": [
                        {
                            "enabled": True,
                            "processors": [
                                {
                                    "type": "AppendDelimiterToRecord",
                                    "parameters": [{"parameter_name": "Delimiter", "parameter_value": "\\n"}],
                                }
                            ],
                        }
                    ],
                }
            ],
            "depends_on": [f"aws_iam_role_policy.{name}"],
        },
        f"the backup of {log.name} in the lake",
        log.place,
    )
