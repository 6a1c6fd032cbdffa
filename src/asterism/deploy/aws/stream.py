"""Kinesis streams, and the functions that read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from asterism.deploy.aws.setting import function_ref
from asterism.deploy.graph import Function, Records
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting, reference

LEAST, MOST = timedelta(days=1), timedelta(days=365)
"""For how long Kinesis keeps records."""


def physical(setting: Setting, stream: str) -> str:
    """What a stream of the platform is called at Kinesis."""
    return prefixed(setting.graph.stores.log, stream)


def prefixed(uri: str, stream: str) -> str:
    """What a stream is called where a URI names a prefix."""
    parts = urlsplit(uri)
    prefix = unquote(parts.netloc + parts.path).strip("/")
    return f"{prefix}-{stream}" if prefix else stream


def delivered(stream: str) -> str:
    """What Terraform calls the delivery of a stream that goes to the lake alone."""
    return label("lake", stream)


def streams(setting: Setting) -> Iterator[Resource]:
    """One stream each. What the log keeps is gone with it, so it is protected."""
    for log in setting.graph.logs:
        if log.delivered:
            continue
        kept = min(max(log.retention, LEAST), MOST)
        yield Resource(
            "aws_kinesis_stream",
            label(log.name),
            {
                "name": physical(setting, log.name),
                "shard_count": setting.target.shards,
                "retention_period": int(kept.total_seconds() // 3600),
                "encryption_type": "KMS",
                "kms_key_id": "alias/aws/kinesis",
                "stream_mode_details": [{"stream_mode": "PROVISIONED"}],
            },
            f"the stream {log.name}",
            log.place,
            keeps=True,
        )


def readers(setting: Setting) -> Iterator[Resource]:
    """What wakes a function when records come. It stays at a record until it is taken, as the log promises.

    Only the records that failed are sent again, and those that Kinesis lets go of are named among the dead letters.
    """
    for function in setting.graph.functions:
        for start in function.starts:
            if isinstance(start, Records):
                yield reader(function, start)


def reader(function: Function, start: Records) -> Resource:
    """One function's reading of one stream."""
    name = label(function.name, start.stream)
    return Resource(
        "aws_lambda_event_source_mapping",
        name,
        {
            "event_source_arn": reference("aws_kinesis_stream", label(start.stream), "arn"),
            "function_name": function_ref(function),
            "starting_position": "TRIM_HORIZON",
            "batch_size": 1000 if function.alone else 100,
            "maximum_batching_window_in_seconds": 1 if function.alone else 0,
            "bisect_batch_on_function_error": True,
            "maximum_retry_attempts": -1,
            "maximum_record_age_in_seconds": -1,
            "function_response_types": ["ReportBatchItemFailures"],
            "destination_config": [
                {"on_failure": [{"destination_arn": reference("aws_sqs_queue", label(function.name), "arn")}]}
            ],
        },
        f"records of {start.stream} start {function.name}",
        function.place,
    )
