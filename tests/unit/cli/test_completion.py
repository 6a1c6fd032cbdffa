"""What a shell offers for an unfinished word, asked as the shell asks it."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.test_command_line import ASTERISM, asterism

PLATFORM = r"""
from asterism import Platform
from asterism.sources import Postgres
from elsewhere import client, live

raise SystemExit("platform.py was run, and \d is no escape")
shop: Platform = Platform("shop")
orders = shop.pull(Postgres("${UNSET}"), into="shop_db")
shop.pull(Postgres("${UNSET}"), into=name)
visits = shop.stream("visits")
shop.stream(name="clicks")
shop.publish(["dim_day"], to="${UNSET}", schema="bi")
shop.publish(["dim_day"], to="${UNSET}", schema="bi", name="for-bi")
shop.report("weekly", ["days"], to=["a@b.example"], at="0 6 * * 1")
shop.simulator(visits)(live)
client.stream("GET")

@shop.view(visits)
def counts(state, visit): ...

@shop.simulator(orders, prepare=live)
def fill(random, database): ...
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "asterism.toml").write_text("default_stage = 'dev'\n[dev]\nlake = '${UNSET}'\n[prod]\n")
    (tmp_path / "platform.py").write_text(PLATFORM)
    for name in ("models/dim_day.sql", "models/ops.days.sql", "queries/days.sql", "queries/sales.sql"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no SQL")
    return tmp_path


def offered(folder: Path, line: str) -> list[str]:
    """What is offered for the last word of `line`."""
    count = len(shlex.split(line)) - (not line.endswith(" "))
    asked = {"_ASTERISM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
    done = asterism(folder, **asked)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "names"),
    {
        "asterism query ": ["days", "sales"],
        "asterism query da": ["days"],
        "asterism query --on ": ["warehouse", "lake"],
        "asterism --stage ": ["dev", "prod"],
        "asterism status --stage p": ["prod"],
        "asterism reset --yes ": ["dev", "prod"],
        "asterism refresh --full dim_day ": ["dim_day", "ops.days"],
        "asterism describe ": ["dim_day", "ops.days", "days", "sales", "visits", "clicks"],
        "asterism pull ": ["shop_db"],
        "asterism backfill ": ["shop_db"],
        "asterism events ": ["visits", "clicks"],
        "asterism erase --stream ": ["visits", "clicks"],
        "asterism quarantine list --stream v": ["visits"],
        "asterism view show ": ["counts"],
        "asterism publish ": ["bi", "for-bi"],
        "asterism report ": ["weekly"],
        "asterism simulate ": ["live", "fill"],
        "asterism --version query ": ["days", "sales"],
    }.items(),
)
def test_a_shell_offers_the_names_of_a_platform_that_is_not_run(shop, line, names):
    assert sorted(offered(shop, line)) == sorted(names)


def test_the_platform_is_that_of_the_words_before(shop, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    assert offered(away, "asterism query ") == []
    assert offered(away, f"asterism --project {shop} query d") == ["days"]
    assert offered(away, f"asterism query --project={shop} d") == ["days"]
    assert offered(away, "asterism --project ~nobody/shop query ") == []
    assert offered(shop / "models", "asterism query d") == ["days"]


def test_what_cannot_be_read_offers_nothing_and_tells_nothing(shop):
    (shop / "asterism.toml").write_bytes(b"\xff = [")
    (shop / "platform.py").write_bytes(b"def \x00")
    assert offered(shop, "asterism --stage ") == []
    assert offered(shop, "asterism pull ") == []
    assert offered(shop, "asterism --project /dev/null query ") == []


def test_bash_itself_offers_them(shop):
    asked = 'eval "$(asterism --show-completion bash)"; COMP_WORDS=(asterism query s) COMP_CWORD=2; '
    path = f"{Path(ASTERISM).parent}{os.pathsep}{os.environ['PATH']}"
    script = f'{asked} _asterism_completion asterism; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", script], cwd=shop, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("sales\n", "")
