"""The store of live views keeps no more than it must, and says what is wrong with its file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from asterism.adapters.sqlite.state import SqliteState
from asterism.errors import StateError
from asterism.ports.state import Kept


def test_a_dropped_key_is_forgotten_after_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    state = SqliteState(path)
    epoch = state.claim("v").epoch
    state.put("v", epoch, [Kept(key, b"1", "0", 1) for key in ("alice", "bob", "carol")], {"0": 1})
    state.put("v", epoch, (), {"0": 2}, dropped=[("alice", ""), ("bob", "")])
    state.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE states SET position = position - 3601 WHERE key = 'alice'")
    connection.close()
    state = SqliteState(path)
    state.claim("v")
    assert state.watch("v", 1)[1] == [(2, ("bob", ""))]
    assert [each.key for each in state.scan("v")] == ["carol"]
    state.close()


def test_what_a_rebuilt_view_has_no_more_stands_in_no_file(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "views.db")
    state.put("v", state.claim("v").epoch, [Kept("k", b'"a secret of someone"', "0", 1)], {"0": 1})
    state.claim("shadow")
    state.replace("v", "shadow")
    assert [file.name for file in tmp_path.iterdir() if b"a secret" in file.read_bytes()] == []
    state.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    path.write_bytes(b"not a database, and longer than its header would be" * 100)
    with pytest.raises(StateError, match=r"views.db cannot be used") as error:
        SqliteState(path)
    assert not error.value.fenced
