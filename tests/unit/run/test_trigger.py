"""What a trigger's records call for is done, also where whoever was to do it died."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from asterism import Platform, Record
from asterism.adapters.sqlite.log import SqliteLog
from asterism.declare.platform import Platform as Declared
from asterism.ports.log import Entry
from asterism.run.trigger import Calls


class Call(Record):
    schedule: str = ""


@pytest.fixture
def platform() -> Declared:
    declared = Platform("small")
    declared.trigger(declared.stream("calls", Call))
    return declared


@pytest.fixture
def log(tmp_path: Path):
    opened = SqliteLog(tmp_path / "log.sqlite")
    yield opened
    opened.close()


def call(log: SqliteLog, number: int, body: bytes) -> None:
    log.append("calls", [Entry(f"r{number}", "", body)], timedelta(days=1))


def test_what_was_called_for_and_not_done_is_called_for_again(platform, log):
    call(log, 1, b'{"schedule": "mails"}')
    before = Calls(lambda: log)
    before.expect(before.new(platform.triggers))
    after = Calls(lambda: log)  # the process before died
    names = after.new(platform.triggers)
    assert names == ["mails"]
    after.expect(names)
    assert after.awaits("mails")
    after.done("mails")
    assert Calls(lambda: log).new(platform.triggers) == []


def test_each_record_calls_once_while_what_it_called_for_is_under_way(platform, log):
    calls = Calls(lambda: log)
    call(log, 1, b'{"schedule": "mails"}')
    calls.expect(calls.new(platform.triggers))
    call(log, 2, b'{"schedule": "pull"}')
    assert calls.new(platform.triggers) == ["pull"]
    calls.expect(["pull"])
    assert calls.new(platform.triggers) == []
    calls.done("mails")
    assert Calls(lambda: log).new(platform.triggers) == ["mails", "pull"]
    calls.done("pull")
    assert Calls(lambda: log).new(platform.triggers) == []


def test_what_calls_for_nothing_known_is_noted_as_read(platform, log):
    calls = Calls(lambda: log)
    call(log, 1, b'{"schedule": "nobody"}')
    call(log, 2, b"no record")
    assert calls.new(platform.triggers) == ["nobody"]
    calls.expect([])
    assert Calls(lambda: log).new(platform.triggers) == []
