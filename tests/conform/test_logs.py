"""The logs pass the exercises that any log must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from asterism.adapters.gcp.log import PubSubLog
from asterism.adapters.sqlite.log import SqliteLog
from asterism.conform.log import (
    DEDUPE_EXERCISES,
    ERASING_EXERCISES,
    LARGE_EXERCISES,
    LOG_EXERCISES,
    POSITION_EXERCISES,
    RETENTION_EXERCISES,
    MakeLog,
    bodies_are_read_piece_by_piece,
)
from asterism.conform.log_shared import DEDUPE_SHARED_EXERCISES, LOG_SHARED_EXERCISES

EXERCISES = (
    LOG_EXERCISES
    + LARGE_EXERCISES
    + POSITION_EXERCISES
    + LOG_SHARED_EXERCISES
    + DEDUPE_EXERCISES
    + DEDUPE_SHARED_EXERCISES
    + RETENTION_EXERCISES
    + ERASING_EXERCISES
)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeLog], None], tmp_path: Path) -> None:
    exercise(partial(SqliteLog, tmp_path / "log.db"))


@pytest.mark.parametrize(
    "exercise", LOG_EXERCISES + POSITION_EXERCISES + LOG_SHARED_EXERCISES, ids=lambda exercise: exercise.__name__
)
def test_kinesis_conforms(exercise: Callable[[MakeLog], None], aws: dict[str, str]) -> None:
    """Kinesis remembers no ids, keeps what its retention says, erases nothing, and takes a megabyte a record."""
    from asterism.adapters.aws.log import KinesisLog

    name = f"log-{uuid4().hex}"
    exercise(partial(KinesisLog, f"kinesis://{name}?positions={name}&shards=2"))


# Pub/Sub numbers nothing, takes an id twice, keeps what its topic's retention says, and has no records above 10 MB.
@pytest.mark.parametrize(
    "exercise", [*LOG_EXERCISES, bodies_are_read_piece_by_piece], ids=lambda exercise: exercise.__name__
)
def test_pubsub_conforms(exercise: Callable[[MakeLog], None], pubsub: str) -> None:
    exercise(partial(PubSubLog, f"pubsub://project/t{uuid4().hex}"))


@pytest.mark.parametrize("exercise", LOG_SHARED_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_pubsub_conforms_to_several(exercise: Callable[[MakeLog], None], pubsub: str) -> None:
    uri = f"pubsub://project/t{uuid4().hex}"
    log = PubSubLog(uri)
    for stream in ("s", "t"):  # as deployed: the emulator loses what is published while a subscription is being made
        for consumer in ("a", "b", "until"):
            assert log.read(stream, consumer, {}, 1) == []
    log.close()
    exercise(partial(PubSubLog, uri))
