"""What is down, refuses, or is wrong: each a clear message with what, where and what next, and an exit code."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from conftest import SETTINGS, Database
from faults.scene import ASTERISM
from faults.shop import TABLES, Shop

from asterism.adapters.postgres.embedded import Embedded, embedded
from asterism.adapters.postgres.engine import PostgresEngine


class Server:
    """A PostgreSQL of a test's own, to be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "data"
        self._running = embedded(self._folder, settings=SETTINGS)
        self.database = Database(self._running.url)

    def stop(self) -> None:
        self._running.close()

    def start(self) -> None:
        self._running = embedded(self._folder, settings=SETTINGS)

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    yield made
    made.close()


@pytest.fixture
def shop(tmp_path: Path, database: Database) -> Shop:
    database.execute(*TABLES)
    return Shop(tmp_path, database)


def test_run_waits_for_a_source_that_is_down_and_goes_on_when_it_is_back(server: Server, tmp_path: Path) -> None:
    server.database.execute(*TABLES)
    shop = Shop(tmp_path, server.database)
    with shop.running() as run:
        run.refreshed()
        server.stop()
        first = run.next("failed", task="shop")
        assert first["error"] == "SourceError"
        assert "Is the server up, and reachable from here?" in first["remedy"]
        again = run.next("failed", task="shop")
        assert again["retry_in"] > first["retry_in"]
        assert shop.rows("select count(*) from fact_sale") == [[100]]  # questions are answered meanwhile
        assert "failed" in shop("status")
        server.start()
        server.database.execute("insert into sale values (101, 1, '5')")
        run.refreshed()
        assert shop.rows("select count(*) from fact_sale") == [[101]]
    assert "0 differences" in shop("verify")


def test_run_outlives_a_warehouse_that_goes_away_and_comes_back(
    server: Server, tmp_path: Path, database: Database
) -> None:
    database.execute(*TABLES)
    shop = Shop(tmp_path, database, {"WAREHOUSE_URL": server.database.url})
    with shop.running() as run:
        run.refreshed()
        server.stop()
        database.execute("update sale set amount = '7' where sale_id = 1")
        failed = run.next("failed", task="shop")
        assert failed["error"] == "EngineError"
        assert "Check that the server runs" in failed["remedy"]
        assert "nothing is half done" in failed["remedy"]
        server.start()
        run.refreshed()
    assert shop.rows("select amount, is_current from fact_sale where sale_id = 1 order by 2") == [[1, False], [7, True]]
    assert "0 differences" in shop("verify")


def test_a_warehouse_that_drops_connections_holds_no_model(
    tmp_path: Path, make_database: Callable[[], Database]
) -> None:
    """Connections are cut again and again, in the middle of refreshes, while the source lives on."""
    source, warehouse = make_database(), make_database()
    source.execute(*TABLES)
    shop = Shop(tmp_path, source, {"WAREHOUSE_URL": warehouse.url})
    with shop.running() as run:
        run.refreshed()
        for number in range(12):
            source.execute(f"update sale set amount = '{number}' where sale_id <= 50")
            run.refreshed() if number % 4 == 3 else time.sleep(0.05 * number)
            cut(warehouse)
        source.execute("update sale set amount = '1000' where sale_id = 1")
        while not shop.rows("select 1 from fact_sale where amount = 1000"):
            time.sleep(0.1)
        assert "held" not in shop("status")
    assert "0 differences" in shop("verify")
    sold = "select cast(sum(amount) as integer) from fact_sale where is_current"
    assert shop.rows(sold) == [[source.rows("select sum(amount::int) from sale")[0][0]]]


def cut(database: Database) -> None:
    """Terminate every other connection to a database."""
    database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )


def test_a_poll_whose_connection_is_cut_is_repeated_and_nothing_is_lost(shop: Shop) -> None:
    shop.source.execute("insert into item select i, repeat('x', 500) from generate_series(11, 200000) i")
    process = subprocess.Popen(
        [str(ASTERISM), "pull", "--project", str(shop.root)], env=shop.environment, stderr=subprocess.PIPE, text=True
    )
    reading = (
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
        "and query ilike 'copy%repeatable%' or (datname = current_database() and query ilike 'copy%item%')"
    )
    while not shop.source.rows(reading):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert said.startswith("shop: ")
    # Which of the two is told depends on whether the server's last word is read before the connection is gone.
    assert "terminating connection due to administrator command" in said or "server closed the connection" in said
    shop("pull")
    assert shop.rows("select count(*) from dim_item") == [[200_000]]
    assert "0 differences" in shop("verify")


def test_a_wrong_password_is_told_and_not_shown(server: Server, tmp_path: Path, database: Database) -> None:
    server.database.execute("create role keeper login superuser password 'right'", *TABLES)
    rules = Path(server.database.rows("show hba_file")[0][0])
    rules.write_text(f"local all keeper scram-sha-256\n{rules.read_text()}")
    server.database.execute("select pg_reload_conf()")
    wrong, right = (server.database.url.replace("postgres@", f"keeper:{word}@") for word in ("hunter2", "right"))
    shop = Shop(tmp_path, server.database)
    said = shop("pull", code=1, SHOP_URL=wrong)
    assert said.startswith('shop: password authentication failed for user "keeper"\n')
    assert "Correct the password in the source's URL." in said
    assert "hunter2" not in said
    said = shop("pull", code=1, WAREHOUSE_URL=wrong)
    assert 'password authentication failed for user "keeper"\n' in said
    assert "Correct the password in the warehouse's URL." in said
    assert "hunter2" not in said
    assert "100 rows" not in shop("pull", SHOP_URL=right)
    assert shop.rows("select count(*) from fact_sale") == [[100]]


def test_an_unknown_database_is_told(shop: Shop) -> None:
    url = shop.source.url.replace("/test_", "/nowhere_")
    said = shop("pull", code=1, SHOP_URL=url)
    assert said.startswith('shop: database "nowhere_')
    assert "does not exist\n  Correct the name of the database in the source's URL." in said
    said = shop("pull", code=1, WAREHOUSE_URL=url)
    assert "does not exist\n  Correct the name of the database in the warehouse's URL." in said


def test_a_table_without_a_key_is_refused_with_the_remedy(shop: Shop) -> None:
    shop.source.execute("create table loose (a int)")
    said = shop("pull", code=1)
    assert "loose" in said
    assert "primary key" in said
    assert "exclude" in said
    assert shop("status")  # nothing was begun
    shop.source.execute("alter table loose add primary key (a)")
    shop("pull")


def test_an_unset_variable_has_a_file_and_a_line(shop: Shop) -> None:
    said = shop("pull", code=2, SHOP_URL="")
    assert "platform.py:5: " in said
    assert "SHOP_URL" in said
    shop.write("asterism.toml", '[dev]\nwarehouse = "${NO_SUCH_THING}"\nlake = "lake"\n')
    said = shop("check", code=2)
    assert "asterism.toml:2: " in said
    assert "NO_SUCH_THING" in said


def test_a_wrong_model_is_refused_by_check_and_stops_no_other(shop: Shop) -> None:
    model = (shop.root / "models/dim_item.sql").read_text()
    shop.write("models/dim_item.sql", model.replace("name", "nam"))
    said = shop("check", code=2)
    assert "models/dim_item.sql:4: " in said
    assert "nam" in said
    said = shop("pull", code=1)
    assert "held: dim_item: " in said
    assert shop.rows("select count(*) from fact_sale") == [[100]]
    shop.write("models/dim_item.sql", model)
    shop("refresh")
    assert shop.rows("select count(*) from dim_item") == [[10]]


def test_a_model_that_fails_on_data_is_held_with_those_behind_it_and_the_rest_goes_on(shop: Shop) -> None:
    shop("pull")
    shop.source.execute("update sale set amount = 'much' where sale_id = 3", "update item set name = 'new'")
    said = shop("pull", code=1)
    assert "held: fact_sale: " in said
    assert "much" in said
    assert "held: sales_per_item: waits for fact_sale" in said
    sold = "select name, is_current, fact_sale.amount, cast(sales_per_item.amount as integer) from fact_sale "
    sold += "join dim_item using (item_id) join sales_per_item using (item_id) where sale_id = 3 order by 2"
    before = sum(range(3, 100, 10))
    assert shop.rows(sold) == [["new", True, 3, before]]
    said = shop("status")
    assert "held: fact_sale: " in said
    assert "much" in said
    assert "held: fact_sale: " in shop("pull", code=1)  # as long as it lasts, though nothing is new
    shop.source.execute("update sale set amount = '33' where sale_id = 3")
    shop("pull")
    assert shop.rows(sold) == [["new", False, 3, before + 30], ["new", True, 33, before + 30]]
    assert "0 differences" in shop("verify")


def test_a_table_that_appears_in_a_poll_in_which_a_model_fails_is_there_all_the_same(shop: Shop) -> None:
    shop("pull")
    with shop.running() as run:
        with shop.source.connect() as connection:
            connection.execute("update sale set amount = 'much' where sale_id = 3")
            connection.execute("create table extra (id int primary key)")
            connection.execute("insert into extra values (1)")
        held = run.refreshed()["held"]
        assert [each["model"] for each in held] == ["fact_sale", "sales_per_item"]
        shop.source.execute("insert into extra values (2)")
        assert run.next("pulled", rows=1)["added"] == 1
        assert shop.rows("select count(*) from shop.extra") == [[2]]


def test_a_second_run_is_refused(shop: Shop) -> None:
    with shop.running() as run:
        run.refreshed()
        said = shop("run", code=1)
        assert f"`asterism run`, process {run.process.pid}, holds it since " in said
        assert f"`kill {run.process.pid}`" in said
        said = shop("rebuild", code=1)
        assert f"`kill {run.process.pid}`" in said
        shop("pull")  # by the one that runs


def test_a_folder_for_locks_that_cannot_be_made_is_told(shop: Shop) -> None:
    shop.write(".asterism", "a file")
    said = shop("pull", code=1)
    assert said.startswith(f"stage dev: its folder for locks, {shop.root}/.asterism/")
    assert "Make the folder writable" in said


def test_production_is_neither_reset_nor_simulated(shop: Shop) -> None:
    said = shop("reset", "--yes", "prod", "--stage", "prod", code=2)
    assert said.startswith("stage prod: is production and is never reset\n  ")
    said = shop("simulate", "--stage", "prod", code=2)
    assert said.startswith("stage prod: is production, and a simulator writes invented rows into its source\n  ")


def test_who_connects_to_a_warehouse_waits_for_a_transaction_that_a_dead_process_left_behind(
    postgres: Embedded, database: Database
) -> None:
    """Its commit may have been on the way: a cursor read before it would be an old one."""
    database.execute("create table cursors (seq int)", "insert into cursors values (1)")
    predecessor = PostgresEngine(database.url)

    def work() -> None:
        with predecessor.transaction():
            predecessor.execute("update cursors set seq = 2")
            time.sleep(1)

    thread = Thread(target=work)
    thread.start()
    while not database.rows("select 1 from pg_locks where locktype = 'advisory'"):
        time.sleep(0.01)
    successor = PostgresEngine(database.url)
    assert successor.rows("select seq from cursors") == [(2,)]
    thread.join()
    successor.close()
    predecessor.close()
