"""A lake in Google Cloud Storage, on a server of the tests' own: the emulator has no ETags and no preconditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import uuid4

import obstore
import pytest
from gcs_server import Buckets
from obstore.exceptions import AlreadyExistsError
from obstore.store import GCSStore

from asterism.adapters.obstore.lake import ObstoreLake
from asterism.conform.lake import LAKE_EXERCISES, MakeLake
from asterism.errors import LakeError


@pytest.fixture
def bucket(gcs: Buckets) -> str:
    name = f"lake-{uuid4().hex}"
    gcs.objects[name] = {}
    return name


@pytest.mark.parametrize("exercise", LAKE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_gcs_conforms(exercise: Callable[[MakeLake], None], bucket: str) -> None:
    exercise(partial(ObstoreLake, f"gs://{bucket}/some/prefix"))


def test_an_object_that_must_be_new_is_refused_where_one_stands(gcs: Buckets, bucket: str) -> None:
    store = GCSStore.from_url(f"gs://{bucket}")
    obstore.put(store, "a", b"1", mode="create")
    before = gcs.refused
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a", b"2", mode="create")
    assert gcs.refused == before + 1
    assert obstore.get(store, "a").bytes().to_bytes() == b"1"


def test_an_upload_in_parts_stands_when_it_is_completed(gcs: Buckets, bucket: str) -> None:
    lake = ObstoreLake(f"gs://{bucket}/p")
    lake.put("raw/large", bytes(range(256)) * 100_000)
    assert [*gcs.objects[bucket]] == ["p/raw/large"]
    assert gcs.uploads == {}


def test_a_bucket_that_is_not_there_is_said(gcs: Buckets) -> None:
    with pytest.raises(LakeError, match="raw/a"):
        ObstoreLake(f"gs://none-{uuid4().hex}/p").put("raw/a", b"1")
