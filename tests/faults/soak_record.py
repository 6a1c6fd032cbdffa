"""The record of `make soak` in docs/soak.md: each part is written by the test that ran, and the others stay."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RECORD = Path(__file__).parents[2] / "docs" / "soak.md"
SEED = int(os.environ.get("SOAK_SEED", "1"))


def record(part: str, text: str) -> None:
    """Put what a run found in the place of what the last one found."""
    made = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {SEED}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, DuckDB {version('duckdb')}, ADBC {version('adbc-driver-postgresql')}."
    )
    before = RECORD.read_text(encoding="utf-8")
    marked = re.compile(f"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    after, count = marked.subn(lambda found: f"{found[1]}{made}\n\n{text.strip()}\n{found[2]}", before)
    assert count == 1, f"docs/soak.md has no part {part}"
    RECORD.write_text(after, encoding="utf-8")
