"""What works beside the schedule of `run`: who has died is not forgotten."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from asterism.cli.crew import Crew
from asterism.errors import AsterismError
from asterism.project.load import load
from asterism.wire import Wiring

PLATFORM = """
from asterism import Platform
platform = Platform("small")
words, said = platform.stream("words"), platform.stream("said")
@platform.transform(words, into=said)
def say(record):
    return record
"""


class Broken:
    """A log with a fault that nobody foresaw."""

    def log(self) -> Any:
        return self

    def events(self, _project: object) -> None:
        return None

    def standing(self, _stream: str) -> None:
        raise SystemExit(3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is what is tested
def test_a_thread_that_has_died_is_told_until_run_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "platform.py").write_text(PLATFORM)
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w.duckdb"\nlake = "lake"\n')
    crew = Crew(load(tmp_path, "dev", {}), cast("Wiring", Broken()), lambda _name, _error: None)
    crew.start()
    for thread in threading.enumerate():
        if thread.name == "transform say":
            thread.join()
    for _ in range(2):
        with pytest.raises(AsterismError, match="transform say: has ended"):
            crew.muster()
    crew.stop()
    crew.muster()
