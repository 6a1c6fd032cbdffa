"""S3 buckets: private, encrypted, versioned; what is to end by age ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asterism.deploy.aws.setting import function_ref
from asterism.deploy.graph import Function, Log, Objects
from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Place, Setting, reference

NONCURRENT_DAYS = 30
"""Days for which a replaced or deleted version can be brought back."""
UNFINISHED_DAYS = 7


def buckets(setting: Setting) -> Iterator[Resource]:
    """The lake, the sources that are ours, and what tells functions of objects."""
    lake = Place.of(setting.graph.stores.lake)
    place = setting.graph.place("lake")
    if setting.makes(lake.bucket):
        yield from private(lake.bucket, label(lake.bucket), "the lake", place, rules=endings(setting, lake), keeps=True)
    for function in setting.graph.functions:
        for url in sorted({use.name for use in function.uses_of("source")}):
            source = Place.of(url)
            if setting.makes(source.bucket) and source.bucket != lake.bucket:
                yield from private(
                    source.bucket, label(source.bucket), "objects that are pulled", function.place, keeps=True
                )
        yield from notifications(setting, function)


def private(
    bucket: str, name: str, purpose: str, place: str, *, rules: tuple[dict[str, Any], ...] = (), keeps: bool = False
) -> Iterator[Resource]:
    """A bucket that nobody but this account reads, in the clear neither on disk nor on the way."""
    of = {"bucket": reference("aws_s3_bucket", name, "id")}
    arn = reference("aws_s3_bucket", name, "arn")

    def part(kind: str, what: str, arguments: dict[str, Any]) -> Resource:
        return Resource(kind, name, of | arguments, f"{purpose}: {what}", place, keeps=keeps)

    yield Resource("aws_s3_bucket", name, {"bucket": bucket, "force_destroy": not keeps}, purpose, place, keeps=keeps)
    shut = dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
    )
    yield part("aws_s3_bucket_public_access_block", "closed to the public", shut)
    encrypted = [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}]
    yield part("aws_s3_bucket_server_side_encryption_configuration", "encrypted", {"rule": encrypted})
    yield part("aws_s3_bucket_versioning", "versioned", {"versioning_configuration": [{"status": "Enabled"}]})
    statement = {
        "sid": "OnlyEncrypted",
        "effect": "Deny",
        "principals": [{"type": "*", "identifiers": ["*"]}],
        "actions": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
        "resources": [arn, f"{arn}/*"],
        "condition": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
    }
    policy = Resource(
        "aws_iam_policy_document", f"bucket_{name}", {"statement": [statement]}, place=place, data=True, keeps=False
    )
    yield policy
    yield part("aws_s3_bucket_policy", "asked by HTTPS only", {"policy": policy.ref("json")})
    always: dict[str, Any] = {
        "id": "replaced",
        "status": "Enabled",
        "filter": [{"prefix": ""}],
        "noncurrent_version_expiration": [{"noncurrent_days": NONCURRENT_DAYS}],
        "abort_incomplete_multipart_upload": [{"days_after_initiation": UNFINISHED_DAYS}],
    }
    yield part("aws_s3_bucket_lifecycle_configuration", "what ends by age", {"rule": [always, *rules]})


def endings(setting: Setting, lake: Place) -> tuple[dict[str, Any], ...]:
    """Personal data has an end: a rule a stream that says so. Asterism erases by itself; this is the second lock."""
    return tuple(
        {
            "id": f"keep-{log.name}-{folder.replace('/_', '-')}",
            "status": "Enabled",
            "filter": [{"prefix": f"{lake.prefix}{folder}/{'streams/' if folder == 'raw' else ''}{log.name}/"}],
            "expiration": [{"days": max(1, log.keep.days)}],
        }
        for log in setting.graph.logs
        if log.keep is not None
        for folder in ("raw", *(("backup",) if log.backup else ()), *(("backup/_failed",) if _fails(log) else ()))
    )


def _fails(log: Log) -> bool:
    """Whether Firehose may write records apart."""
    return log.backup or log.delivered


def notifications(setting: Setting, function: Function) -> Iterator[Resource]:
    """S3 tells a function of each object that appears."""
    starts = [start for start in function.starts if isinstance(start, Objects)]
    for bucket in sorted({Place.of(start.url).bucket for start in starts}):
        here = [start for start in starts if Place.of(start.url).bucket == bucket]
        name = label(function.name, bucket)
        ours = setting.makes(bucket)
        arn = reference("aws_s3_bucket", label(bucket), "arn") if ours else f"arn:aws:s3:::{bucket}"
        yield Resource(
            "aws_lambda_permission",
            name,
            {
                "action": "lambda:InvokeFunction",
                "function_name": function_ref(function, "function_name"),
                "principal": "s3.amazonaws.com",
                "source_arn": arn,
            },
            f"objects of {bucket} start {function.name}",
            here[0].place,
        )
        yield Resource(
            "aws_s3_bucket_notification",
            name,
            {
                "bucket": reference("aws_s3_bucket", label(bucket), "id") if ours else bucket,
                "lambda_function": [
                    {
                        "lambda_function_arn": function_ref(function),
                        "events": ["s3:ObjectCreated:*"],
                        "filter_prefix": Place.of(start.url).prefix,
                    }
                    for start in here
                ],
                "depends_on": [f"aws_lambda_permission.{name}"],
            },
            f"tells {function.name} of objects in {bucket}",
            here[0].place,
        )
