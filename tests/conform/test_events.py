"""The event stores pass the exercises that any store must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from asterism.adapters.gcp.events import BigtableEvents
from asterism.adapters.sqlite.events import SqliteEvents
from asterism.conform.events import EVENTS_EXERCISES, FAMILIES, MakeEvents


@pytest.mark.parametrize("exercise", EVENTS_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeEvents], None], tmp_path: Path) -> None:
    exercise(partial(SqliteEvents, tmp_path / "events.db"))


@pytest.mark.parametrize("exercise", EVENTS_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_dynamodb_conforms(exercise: Callable[[MakeEvents], None], aws: dict[str, str]) -> None:
    from asterism.adapters.aws.events import DynamoEvents

    exercise(partial(DynamoEvents, f"dynamodb://events-{uuid4().hex}"))


@pytest.mark.parametrize("exercise", EVENTS_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_bigtable_conforms(exercise: Callable[[MakeEvents], None], bigtable: str) -> None:
    exercise(partial(BigtableEvents, f"bigtable://project/instance/t{uuid4().hex}", FAMILIES))
