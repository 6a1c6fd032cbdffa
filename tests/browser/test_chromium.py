"""What becomes of the tests in this folder where there is something that is called Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from browser.eyes import ROOT


def test_a_chromium_that_does_not_start_is_an_error_and_nothing_that_is_skipped(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    test = "tests/browser/test_console.py::test_the_theme_is_the_systems_until_one_is_chosen"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'inner'}", test],
        cwd=ROOT, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 error" in done.stdout
    assert "skipped" not in done.stdout
