"""Variables without a value: in the way of who needs what they stand in, and of nobody else."""

import pytest

from tests.unit.cli.test_command_line import asterism, result, shop

__all__ = ["shop"]

PLATFORM = """\
from asterism import Platform
from asterism.sources import Amplitude, Postgres

platform = Platform("shop")
one = platform.pull(Postgres("${ONE_URL}"), into="one")
platform.pull(Amplitude("${APP_KEY}", "${secret:APP_SECRET}"), into="app")
platform.publish(["dim_day"], to="${BI_URL}", schema="bi")
platform.report("weekly", ["days"], to=["${WHO}"], at="0 6 * * 1")

@platform.simulator(one)
def live(random, database): ...
"""
MISSING = {
    "ONE_URL": "platform.py:5: the variable ONE_URL is not set",
    "APP_KEY": "platform.py:6: the variable APP_KEY is not set",
    "APP_SECRET": "platform.py:6: the secret APP_SECRET is not set",
    "BI_URL": "platform.py:7: the variable BI_URL is not set",
    "WHO": "platform.py:8: the variable WHO is not set",
}


@pytest.fixture
def bare(shop):
    (shop / "platform.py").write_text(PLATFORM)
    toml = shop / "asterism.toml"
    toml.write_text(toml.read_text().replace("\n\n", '\nmail = "smtp://127.0.0.1:1"\nsender = "a@b.example"\n\n', 1))
    return shop


def test_what_asks_the_warehouse_alone_needs_no_address_of_a_source(bare):
    assert [each["table"] for each in result(bare, "refresh")["refreshed"]] == ["dim_day"]
    assert result(bare, "query", "select count(*) as n from dim_day")["rows"] == [{"n": 2}]
    assert result(bare, "verify")["differences"] == 0
    assert [each["source"] for each in result(bare, "status")["sources"]] == ["one", "app"]
    assert "dim_day" in asterism(bare, "draw").stdout
    for line in ("runs", "describe dim_day", "report weekly --day 2024-01-01", "test", "reset --yes dev"):
        asterism(bare, *line.split())


@pytest.mark.parametrize(
    ("line", "named"),
    {
        "pull": ["ONE_URL", "APP_KEY", "APP_SECRET"],
        "pull one": ["ONE_URL"],
        "backfill app --start 2024-01-01": ["APP_KEY", "APP_SECRET"],
        "verify --source": ["ONE_URL", "APP_KEY", "APP_SECRET"],
        "simulate": ["ONE_URL"],
        "publish": ["BI_URL"],
        "report weekly --send": ["WHO"],
        "run --no-http": [*MISSING],
        "plan": [name for name in MISSING if name != "APP_SECRET"],
        "check": [*MISSING],
    }.items(),
)
def test_who_needs_a_value_is_told_where_it_is_asked_for(bare, line, named):
    told = asterism(bare, *line.split(), code=2).stderr
    found = [each for each in told.splitlines() if each.startswith("platform.py:")]
    assert sorted(found) == sorted(MISSING[name] for name in named)


def test_a_written_dollar_sign_is_no_variable(bare):
    (bare / "platform.py").write_text(
        PLATFORM.partition("platform.pull(Amp")[0].replace("${ONE", "postgresql://$${x@[::/")
    )
    assert "is not set" not in asterism(bare, "check", code=1).stderr
