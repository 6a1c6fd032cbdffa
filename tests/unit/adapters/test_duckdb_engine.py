"""What of DuckDB's own reaches people through the engine."""

from __future__ import annotations

import pytest

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.errors import EngineError


def test_an_error_tells_what_is_wrong_without_the_candidates_that_duckdb_lists() -> None:
    with pytest.raises(EngineError) as caught:
        DuckDBEngine().rows("SELECT sum('a'::VARCHAR)")
    assert caught.value.fact == (
        "Binder Error: No function matches the given name and argument types 'sum(VARCHAR)'. "
        "You might need to add explicit type casts."
    )
    assert "sum('a'::VARCHAR)" in caught.value.remedy
