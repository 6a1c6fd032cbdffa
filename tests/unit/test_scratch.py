"""Temporary files of a process go when it ends, and those of one that was killed when the next one begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

_HOLD = """
from asterism.ports.scratch import scratch
(scratch() / "copy.parquet").write_text("rows")
print(scratch(), flush=True)
input()
"""


def _process(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    pipe = subprocess.PIPE
    held = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=pipe, stdout=pipe, text=True, env={**os.environ, "TMPDIR": str(folder)}
    )
    assert held.stdout is not None
    return held, Path(held.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_has_is_not(tmp_path: Path) -> None:
    killed, left = _process(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert (left / "copy.parquet").exists()
    unrelated = tmp_path / "asterism-scratch-other"
    unrelated.mkdir()
    one, first = _process(tmp_path)
    other, second = _process(tmp_path)
    assert not left.exists()
    assert first != second
    assert (first / "copy.parquet").exists()
    for process in (one, other):
        process.communicate("\n")
        assert process.returncode == 0
    assert [*tmp_path.iterdir()] == [unrelated]  # it has no lock: perhaps it is being made
