"""The lakes pass the exercises that any lake must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from asterism.adapters.obstore.lake import ObstoreLake
from asterism.conform.lake import LAKE_EXERCISES, MakeLake
from asterism.errors import LakeError


@pytest.mark.parametrize("exercise", LAKE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_a_folder_conforms(exercise: Callable[[MakeLake], None], tmp_path: Path) -> None:
    exercise(partial(ObstoreLake, tmp_path.as_uri()))


@pytest.mark.parametrize("exercise", LAKE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_s3_conforms(exercise: Callable[[MakeLake], None], aws: dict[str, str]) -> None:
    import boto3

    bucket = f"lake-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    exercise(partial(ObstoreLake, f"s3://{bucket}/some/prefix"))


def test_a_bucket_that_is_not_there_is_said(aws: dict[str, str]) -> None:
    with pytest.raises(LakeError, match="raw/a"):
        ObstoreLake(f"s3://none-{uuid4().hex}/p").put("raw/a", b"1")
