"""The logs pass the exercises that any log must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from asterism.adapters.sqlite.log import SqliteLog
from asterism.conform.log import (
    DEDUPE_EXERCISES,
    ERASING_EXERCISES,
    LARGE_EXERCISES,
    LOG_EXERCISES,
    RETENTION_EXERCISES,
    MakeLog,
)
from asterism.conform.log_shared import DEDUPE_SHARED_EXERCISES, LOG_SHARED_EXERCISES

EXERCISES = (
    LOG_EXERCISES
    + LARGE_EXERCISES
    + LOG_SHARED_EXERCISES
    + DEDUPE_EXERCISES
    + DEDUPE_SHARED_EXERCISES
    + RETENTION_EXERCISES
    + ERASING_EXERCISES
)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeLog], None], tmp_path: Path) -> None:
    exercise(partial(SqliteLog, tmp_path / "log.db"))


@pytest.mark.parametrize("exercise", LOG_EXERCISES + LOG_SHARED_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_kinesis_conforms(exercise: Callable[[MakeLog], None], aws: dict[str, str]) -> None:
    """Kinesis remembers no ids, keeps what its retention says, erases nothing, and takes a megabyte a record."""
    from asterism.adapters.aws.log import KinesisLog

    name = f"log-{uuid4().hex}"
    exercise(partial(KinesisLog, f"kinesis://{name}?positions={name}&shards=2"))
