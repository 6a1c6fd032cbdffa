"""The store of live views passes the exercises that any store must."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from asterism.adapters.sqlite.state import SqliteState
from asterism.conform.state import STATE_EXERCISES, MakeState


@pytest.mark.parametrize("exercise", STATE_EXERCISES, ids=lambda exercise: exercise.__name__)
def test_sqlite_conforms(exercise: Callable[[MakeState], None], tmp_path: Path) -> None:
    exercise(partial(SqliteState, tmp_path / "views.db"))
