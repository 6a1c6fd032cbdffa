"""The stores of live views pass the exercises that any store must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from asterism.adapters.gcp.state import BigtableState
from asterism.adapters.sqlite.state import SqliteState
from asterism.conform.state import STATE_EXERCISES, MakeState


@pytest.mark.parametrize("exercise", STATE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeState], None], tmp_path: Path) -> None:
    exercise(partial(SqliteState, tmp_path / "views.db"))


@pytest.mark.parametrize("exercise", STATE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_dynamodb_conforms(exercise: Callable[[MakeState], None], aws: dict[str, str]) -> None:
    from asterism.adapters.aws.state import DynamoState

    exercise(partial(DynamoState, f"dynamodb://views-{uuid4().hex}"))


@pytest.mark.parametrize("exercise", STATE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_bigtable_conforms(exercise: Callable[[MakeState], None], bigtable: str) -> None:
    exercise(partial(BigtableState, f"bigtable://project/instance/t{uuid4().hex}"))
