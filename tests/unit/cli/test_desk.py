"""A desk that goes on after the platform's files were edited."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from asterism.cli.desk import Desk
from asterism.ports.log import Entry
from asterism.project.load import load
from asterism.wire import Wiring

PLATFORM = 'from asterism import Platform\nplatform = Platform("shop")\nplatform.stream("visits")\n'
MODEL = "-- Visits.\n-- kind: mart\n-- key: k\nselect 1 as k, count(*) as n from visits\n"


def test_records_are_taken_in_by_the_models_as_they_are_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "platform.py").write_text(PLATFORM)
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w.duckdb"\nlake = "lake"\n')
    model = tmp_path / "models" / "hits.sql"
    model.parent.mkdir()
    model.write_text(MODEL)
    with Wiring(load(tmp_path).stage) as wiring:
        desk = Desk(load(tmp_path), wiring)
        for name, sql, expected in (("a", MODEL, 1), ("b", MODEL.replace("count(*)", "100 * count(*)"), 200)):
            model.write_text(sql)
            desk.adopt(load(tmp_path))
            wiring.log().append("visits", [Entry(name, "", b"{}")], timedelta(days=1))
            desk.writer.step()
            assert desk.warehouse.session.rows("SELECT n FROM hits") == [(expected,)]
