"""Terraform on this machine: the provider of AWS from a folder of providers, its calls to MiniStack."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SERVICES = (
    "apigatewayv2", "cloudwatch", "dynamodb", "ec2", "events", "firehose", "glue", "iam", "kinesis", "lambda", "logs",
    "rds", "s3", "secretsmanager", "sns", "sqs", "sts",
)  # fmt: skip
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_FOLDERS = (
    "/opt/tf-plugins",
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "~/.terraform.d/plugins",
)


def mirror() -> Path:
    """The folder of providers. Skips where Terraform or the provider is missing."""
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on the PATH")
    named = os.environ.get("TERRAFORM_MIRROR")
    folders = [Path(named)] if named else [Path(each).expanduser() for each in _FOLDERS]
    found = next((each for each in folders if (each / _PROVIDER).is_dir()), None)
    if found is None:
        pytest.skip("no folder with Terraform's provider of AWS: name it in TERRAFORM_MIRROR")
    return found


def settings(folder: Path) -> dict[str, str]:
    """The environment in which Terraform takes providers from the mirror, and sweeps memory only where it runs short.

    The provider of AWS describes itself in some hundred megabytes, each time it starts: with Go's own setting, looking
    for garbage in them is a third of what a plan costs.
    """
    file = folder / "terraform.rc"
    file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(file), "GOGC": "off", "GOMEMLIMIT": "1GiB"}


def point_at(folder: Path, url: str, buckets: Sequence[str] = (), *, ends_by_age: bool = True) -> None:
    """Have the provider call `url`: Terraform merges this file into what is written beside it.

    The policies of `buckets` would refuse what is asked without TLS, and at `url` everything is. Without `ends_by_age`
    they have no rules of what ends by age: the provider looks at each for a minute before it believes in it.
    """
    provider = {
        "region": "${var.region}",
        "access_key": "test",
        "secret_key": "test",
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "max_retries": 2,
        "endpoints": [dict.fromkeys(SERVICES, url)],
    }
    policy = '${replace(data.aws_iam_policy_document.bucket_%s.json, "\\"false\\"", "\\"never\\"")}'
    resource: dict[str, Any] = {"aws_s3_bucket_policy": {each: {"policy": policy % each} for each in buckets}}
    if not ends_by_age:
        resource["aws_s3_bucket_lifecycle_configuration"] = {each: {"count": 0} for each in buckets}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "override.tf.json").write_text(json.dumps({"provider": {"aws": [provider]}, "resource": resource}))
