"""Commands and the sources they meet: those that work, those that are down, those that refuse."""

import json
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from unit.cli.typed import ASTERISM, Typed

TOML = '[dev]\nwarehouse = "duckdb:///.asterism/dev/w.duckdb"\nlake = ".asterism/dev/lake"\n'
PLATFORM = """\
from asterism import Platform
from asterism.sources import Postgres

platform = Platform("shop")
platform.pull(Postgres("${SHOP_URL}"), into="shop", every="200ms")
platform.pull(Postgres("${DOWN_URL:-postgresql://u:secret@127.0.0.1:1/d}"), into="down", every="200ms")
"""
MODEL = "-- Orders.\n-- kind: fact\n-- key: id\n-- history: versions\nselect id, amount from shop.orders"


class Shop(Typed):
    """A platform that polls an operational database."""

    def count(self) -> int:
        return self.rows("select count(*) as n from fact_order")[0]["n"]


@pytest.fixture
def shop(tmp_path, database):
    database.execute(
        "create table orders (id int primary key, amount numeric(10,2))", "insert into orders values (1, 2.5)"
    )
    for name, text in {"asterism.toml": TOML, "platform.py": PLATFORM, "models/fact_order.sql": MODEL}.items():
        file = tmp_path / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Shop(tmp_path / "shop", SHOP_URL=database.url)


def test_a_source_that_is_down_stops_no_other(shop):
    done = shop.asterism("pull", "--json", code=1)
    result = json.loads(done.stdout)
    assert [each["source"] for each in result["sources"]] == ["shop"]
    assert [each["error"] for each in result["failures"]] == ["SourceError"]
    assert "secret" not in done.stdout + done.stderr
    assert shop.count() == 1


def test_a_source_that_is_down_is_said_so_with_exit_code_1(shop):
    done = shop.asterism("pull", "down", code=1)
    assert "down" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_which_source_it_could_not_ask(shop):
    assert "down" in shop.asterism("check", code=1).stderr


def test_an_unset_variable_is_told_with_file_and_line(shop):
    del shop.environment["SHOP_URL"]
    assert "platform.py:5: the variable SHOP_URL is not set" in shop.asterism("pull", code=2).stderr
    told = shop.asterism("check", code=2).stderr
    assert "platform.py:5: the variable SHOP_URL is not set" in told
    assert "no adapter" not in told


def test_a_table_without_a_key_is_refused_with_the_remedy(shop, database):
    database.execute("create table notes (text text)")
    done = shop.asterism("pull", "shop", code=1)
    assert "notes" in done.stderr
    assert "exclude" in done.stderr


def test_a_wrong_password_is_said_without_showing_it(shop):
    host = urlsplit(shop.environment["SHOP_URL"]).query
    shop.environment["DOWN_URL"] = f"postgresql://nobody:hushhush@/nowhere?{host}"
    done = shop.asterism("pull", "down", code=1)
    assert "hushhush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_run_keeps_up_takes_edits_in_and_retries_what_fails(shop, database):
    command = [ASTERISM, "run", "--no-http", "--json"]
    process = subprocess.Popen(
        command, cwd=shop.folder, env=shop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 120
        while not json.loads(process.stdout.readline()).get("refreshed"):
            assert time.monotonic() < until
        database.execute("update orders set amount = 3 where id = 1", "insert into orders values (2, 1)")
        wait_for(lambda: shop.count() == 3)
        file = shop.folder / "models" / "fact_order.sql"
        file.write_text(MODEL.replace("amount from", "amount * 2 as amount from"))
        doubled = "select sum(amount) as n from fact_order where is_current"
        wait_for(lambda: json.loads(shop.asterism("query", doubled, "--json").stdout)["rows"][0]["n"] in {"8.00", 8.0})
        good = file.read_text()
        file.write_text("nonsense")
        time.sleep(2.5)  # `run` sees it, says so, and goes on with what it had
        file.write_text(good)
        assert json.loads(shop.asterism("query", doubled, "--json").stdout)["rows"]
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in output.splitlines()]
    delays = [event["retry_in"] for event in events if event["event"] == "failed"]
    assert len(delays) >= 2
    assert delays[1] > delays[0]
    assert {"reloaded", "problems"} <= {event["event"] for event in events}


def wait_for(happened) -> None:
    until = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_check_asks_a_postgresql_warehouse_what_it_says_of_each_select(shop, make_database):
    warehouse = make_database()
    (shop.folder / "asterism.toml").write_text(f'[dev]\nwarehouse = "{warehouse.url}"\nlake = "lake"\n')
    platform = shop.folder / "platform.py"
    platform.write_text("".join(line for line in PLATFORM.splitlines(keepends=True) if "DOWN" not in line))
    for name, sql in {
        "of_its_own": "-- kind: dimension\n-- key: id\nselect id, to_char(amount, 'FM000.00') as said from shop.orders",
        "referring": "-- kind: fact\n-- key: id\n-- references: id -> of_its_own\nselect id from shop.orders",
        "function": "-- kind: mart\n-- key: id\nselect id, frobnicate(amount) as f from shop.orders",
        "types": "-- kind: mart\n-- key: id\nselect id, said + amount as f from shop.orders join of_its_own using (id)",
    }.items():
        (shop.folder / "models" / f"{name}.sql").write_text(f"-- What.\n{sql}")
    queries = shop.folder / "queries"
    queries.mkdir()
    (queries / "said.sql").write_text(
        "-- What.\n-- param: least int = 1\nselect said from of_its_own where id > $least"
    )
    (queries / "wrong.sql").write_text("-- What.\nselect id, frob(said) as f from of_its_own")

    def told() -> list[tuple[str, str]]:
        lines = shop.asterism("check", code=2).stderr.splitlines()
        return [tuple(line.split(": ", 1)) for line in lines if line.startswith(("models", "queries"))]

    before_the_first_pull = told()
    assert [place for place, _ in before_the_first_pull] == [
        "models/function.sql:4",
        "models/types.sql:4",
        "queries/wrong.sql:2",
    ]
    assert before_the_first_pull[0][1] == "function frobnicate(numeric) does not exist"
    for name in ("models/function", "models/types", "queries/wrong"):
        (shop.folder / f"{name}.sql").unlink()
    # What PostgreSQL takes for a table's primary key, it takes of no other table.
    grouped = "-- What.\n-- kind: mart\n-- key: id\nselect id, said, count(*) as n from of_its_own group by id"
    (shop.folder / "models" / "grouped.sql").write_text(grouped)
    shop.asterism("pull")
    assert shop.asterism("check").stderr == "4 models, 1 query, no problems\n"
