"""What every file here is given, and references to what others make."""

from __future__ import annotations

from asterism.deploy.graph import Function
from asterism.deploy.resource import label
from asterism.deploy.setting import Setting, reference

HANDLER = "asterism.entry.aws_lambda.handler"


def function_ref(function: Function, attribute: str = "arn") -> str:
    """A reference to a function."""
    return reference("aws_lambda_function", label(function.name), attribute)


def bucket_arn(setting: Setting, bucket: str) -> str:
    """The ARN of a bucket, made here or not."""
    if setting.makes(bucket):
        return reference("aws_s3_bucket", label(bucket), "arn")
    return f"arn:aws:s3:::{bucket}"
