"""A standby of the tests' server, streaming."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SETTINGS, Database

from asterism.adapters.postgres.embedded import Embedded, embedded


class Standby:
    """A standby, and the primary it follows."""

    def __init__(self, server: Embedded, primary: Embedded) -> None:
        self.server = server
        self._primary = Database(primary.url)
        self._own = Database(server.url)

    def url(self, of: Database) -> str:
        """The URL of a primary's database, here."""
        return self.server.url.replace("/postgres?", f"/{of.url.split('/')[3].split('?')[0]}?")

    def catch_up(self) -> None:
        """Wait until everything that is committed on the primary shows here."""
        ((goal,),) = self._primary.rows("select pg_current_wal_lsn()")
        until = time.monotonic() + 120
        while not self._own.rows(f"select pg_last_wal_replay_lsn() >= '{goal}'")[0][0]:
            assert time.monotonic() < until, "the standby does not catch up"
            time.sleep(0.02)


@pytest.fixture
def standby(postgres: Embedded, folder: Path) -> Iterator[Standby]:
    program = postgres.bin / "pg_basebackup"
    if not program.exists():
        pytest.skip("no standby: this PostgreSQL comes without pg_basebackup")
    folder /= "standby"
    folder.mkdir(mode=0o700)
    user = "pgserver" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user is not None:
        subprocess.run(["chown", user, folder], check=True)
    socket = postgres.url.split("host=")[1].split("&")[0]
    subprocess.run(
        [program, "-D", folder, "-h", socket, "-U", "postgres", "-R", "-X", "stream", "-c", "fast"],
        check=True,
        user=user,
        capture_output=True,
    )
    for left_over in (".handle_pids.json", "log", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (folder / left_over).unlink(missing_ok=True)
    server = embedded(folder, settings={**SETTINGS, "hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"})
    yield Standby(server, postgres)
    server.close()
