"""Memory: a question that asks for more than there is fails alone."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest
from story.house import House

GREEDY = "select repeat('x', 3000000000)"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of addresses are Linux's")


def _runs(house: House) -> int:
    """The process of `asterism run`."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and (process / "cmdline").exists():
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"run" in words and str(house.root).encode() in words:
                return int(process.name)
    raise AssertionError("it does not run")


def test_a_question_that_needs_more_memory_than_there_is_fails_and_nothing_else_does(tmp_path: Path) -> None:
    house = House.of("liberta", tmp_path)
    (house.root / ".asterism" / "rawevents").mkdir(parents=True)
    with house.running(), house.client("sql") as client:
        process = _runs(house)
        soft, hard = resource.prlimit(process, resource.RLIMIT_AS)
        assert soft != resource.RLIM_INFINITY
        # The machine that tests run on is not filled: two gigabytes more are the end.
        page = resource.getpagesize()
        used = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[0]) * page
        resource.prlimit(process, resource.RLIMIT_AS, (used + (2 << 30), hard))
        answer = client.post("/sql", json={"sql": GREEDY})
        assert answer.status_code == 400
        assert "more memory than there is" in answer.json()["detail"]
        assert client.post("/sql", json={"sql": "select 1 as one"}).json()["rows"] == [{"one": 1}]
        assert client.post("/sql", json={"sql": "delete from d_user"}).json()["detail"] == (
            "It is a DELETE, not a SELECT. Ask with one SELECT; data comes in by sources and models."
        )
