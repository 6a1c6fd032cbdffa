"""Whatever the model and the changes: the table is what its SELECT says, and its change set is the difference."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.ports.engine import Engine
from kernel.grammar import TABLES, Writer, batches
from kernel.laboratory import Laboratory

SETTINGS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,  # `make test` looks at the same examples every time; `make fuzz` looks for new ones
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
}


def examine(make: Callable[[], Engine], random: Random) -> None:
    """One platform, a handful of batches, everything checked after each."""
    models = Writer(random).models()
    drawn = batches(random, 5)  # an example that grows too long ends here: it needs no engine
    laboratory = Laboratory(make(), TABLES, models)
    for batch in drawn:
        laboratory.step(batch)
        assert not laboratory.held, (laboratory.held, [each.sql for each in models])


@pytest.mark.slow(70)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(4))
@given(data=st.data())
@settings(max_examples=125, **SETTINGS)
def test_every_model_equals_its_full_rebuild_on_duckdb(
    fresh_duckdb: Callable[[], DuckDBEngine], part: int, data: st.DataObject
) -> None:
    random = data.draw(st.randoms(use_true_random=False), label=f"part {part}")
    examine(fresh_duckdb, random)


@pytest.mark.slow(40)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(2))
@given(data=st.data())
@settings(max_examples=40, **SETTINGS)
def test_every_model_equals_its_full_rebuild_on_postgresql(
    fresh_postgres: Callable[[], PostgresEngine], part: int, data: st.DataObject
) -> None:
    random = data.draw(st.randoms(use_true_random=False), label=f"part {part}")
    examine(fresh_postgres, random)


@pytest.mark.fuzz
@pytest.mark.parametrize("worker", range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))
def test_no_counterexample_is_found(fresh_duckdb: Callable[[], DuckDBEngine], worker: int) -> None:
    """Looks for FUZZ_SECONDS (60 unless told); a failure names its seed, which `FUZZ_SEED` repeats."""
    end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS") or 60)
    seed = int(os.environ.get("FUZZ_SEED") or time.time_ns() % 10**9 + worker)
    tried = 0
    while time.monotonic() < end:
        try:
            examine(fresh_duckdb, Random(seed))
        except BaseException as error:
            error.add_note(f"FUZZ_SEED={seed}")
            raise
        tried, seed = tried + 1, seed + 1
    sys.stderr.write(f"{tried} examples, none of them wrong\n")
