"""The log passes the exercises that any log must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from asterism.adapters.sqlite.log import SqliteLog
from asterism.conform.log import (
    DEDUPE_EXERCISES,
    ERASING_EXERCISES,
    LOG_EXERCISES,
    RETENTION_EXERCISES,
    MakeLog,
)
from asterism.conform.log_shared import DEDUPE_SHARED_EXERCISES, LOG_SHARED_EXERCISES

EXERCISES = (
    LOG_EXERCISES
    + LOG_SHARED_EXERCISES
    + DEDUPE_EXERCISES
    + DEDUPE_SHARED_EXERCISES
    + RETENTION_EXERCISES
    + ERASING_EXERCISES
)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeLog], None], tmp_path: Path) -> None:
    exercise(partial(SqliteLog, tmp_path / "log.db"))
