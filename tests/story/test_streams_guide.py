"""docs/streams.md is true: its Python makes a platform, and its commands run in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from story.house import ASTERISM, PATIENCE, House

GUIDE = (Path(__file__).parents[2] / "docs" / "streams.md").read_text()
SETTINGS = """\
[dev]
warehouse = "duckdb:///.asterism/dev/warehouse.duckdb"
lake = ".asterism/dev/lake"
"""
# What was sent is there when it is asked for: whoever reads the guide is no quicker than that.
WAITING = "until asterism {} --json | grep -q '{}'; do sleep 0.1; done\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_every_command_of_the_guide_runs_on_the_platform_that_it_declares(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl, and the guide's readers have one")
    (tmp_path / "platform.py").write_text("\n".join(blocks("python")))
    (tmp_path / "asterism.toml").write_text(SETTINGS)
    house = House(tmp_path)
    house("check")
    first, *rest = blocks("sh")
    waiting = WAITING.format("view show turnover --key c2", "orders")
    waiting += WAITING.format("query 'select count(*) as n from customers'", '"n": 2')
    landed = WAITING.format("query --on lake 'select id from visits'", '"id"')
    rest = [each.replace("asterism query --on lake", f"{landed}asterism query --on lake") for each in rest]
    script = "\n".join([first, waiting, *rest])
    with house.running():
        done = subprocess.run(
            ["sh", "-eu", "-c", script.replace("http://127.0.0.1:8000", house.url)],
            cwd=tmp_path, env={"PATH": f"{ASTERISM.parent}:/usr/local/bin:/usr/bin:/bin", "NO_PROXY": "127.0.0.1"},
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"duplicates":1' in done.stdout
        assert re.search(r"page\s+.*visits[\s\S]*/\s+.*1", done.stdout)
        house.until(lambda: house.one("select count(*) as n from orders") == 21)
        assert house.ask("select number from orders where number = 'A2'") == []
        assert "streams.visits goes to the lake alone" in house("query", "select * from visits", code=2)
    assert len(blocks("python")) == len(blocks("sh")) == 7
