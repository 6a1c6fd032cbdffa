"""Amplitude as its user lives with it: pulled, set aside, asked for again, rebuilt, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.adapters.amplitude.service import ExportServer, event

ASTERISM = Path(sys.executable).with_name("asterism")
TOML = """\
[dev]
warehouse = "duckdb:///.asterism/dev/warehouse.duckdb"
lake = ".asterism/dev/lake"
"""
PLATFORM = """\
from asterism import Platform
from asterism.sources import Amplitude

platform = Platform("apps")
platform.stream("notes")
platform.pull(
    Amplitude(key="${{AMPLITUDE_KEY}}", secret="${{AMPLITUDE_SECRET}}", start="{start}", url="{url}"),
    into="amplitude",
    at="0 3 * * *",
)
"""
MODEL = """\
-- How often each kind of event happened.
-- kind: mart
-- key: event_type
select event_type, count(*) as events, count(distinct user_id) as users from amplitude.events group by event_type
"""
QUERY = """\
-- Events and users by kind.
select event_type, events, users from events_by_type order by event_type
"""


class Apps:
    """A platform of its own, and the service that it pulls from."""

    def __init__(self, root: Path, server: ExportServer, start: date) -> None:
        self.root = root
        self.server = server
        (root / "models").mkdir()
        (root / "queries").mkdir()
        (root / "platform.py").write_text(PLATFORM.format(start=start, url=server.url))
        (root / "models" / "events_by_type.sql").write_text(MODEL)
        (root / "queries" / "by_type.sql").write_text(QUERY)
        (root / "asterism.toml").write_text(TOML)

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        command = [str(ASTERISM), *arguments, "--project", str(self.root), "--json"]
        given = {**os.environ, "AMPLITUDE_KEY": "the-key", "AMPLITUDE_SECRET": "the-secret"}
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False, timeout=120)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout if code == 0 else done.stderr)

    def kinds(self) -> dict[str, int]:
        """How many events there are of each kind."""
        return {row["event_type"]: row["events"] for row in self("query", "by_type")["rows"]}

    def pull(self) -> dict[str, Any]:
        (done,) = self("pull")["sources"]
        return done


TODAY = datetime.now(UTC).date()
DAYS = [TODAY - timedelta(days=n) for n in (5, 4, 3)]
"""Whole for certain, whatever the time of day."""


@pytest.fixture
def apps(tmp_path):
    server = ExportServer()
    yield Apps(tmp_path, server, DAYS[0])
    server.close()


def test_days_are_pulled_put_right_and_made_anew(apps):
    for number, day in enumerate(DAYS):
        events = [event(f"{number}-{n}", event_type="OPENED" if n % 2 else "CLOSED") for n in range(10)]
        apps.server.put(str(day), 4, events)
    apps.server.put(str(DAYS[1]), 5, [event("0-0", event_type="CLOSED"), event("0-1", event_type="OPENED")])
    apps("check")
    first = apps.pull()
    assert first["rows"] > 60
    assert apps.kinds() == {"CLOSED": 15, "OPENED": 15}
    asked = len(apps.server.asked)
    assert apps.pull()["rows"] == 0
    assert len(apps.server.asked) == asked

    apps.server.put(str(DAYS[1]), 6, [event("late", event_type="OPENED")])
    done = apps("backfill", "amplitude", "--start", str(DAYS[0]), "--end", str(DAYS[2]))
    assert [(each["day"], each["added"]) for each in done["days"]] == [
        (str(DAYS[0]), 0), (str(DAYS[1]), 2), (str(DAYS[2]), 0),
    ]  # fmt: skip
    assert apps.kinds() == {"CLOSED": 15, "OPENED": 16}
    assert apps.pull()["rows"] == 0

    apps("verify")
    apps("rebuild")
    assert apps.kinds() == {"CLOSED": 15, "OPENED": 16}
    asked = len(apps.server.asked)
    assert apps.pull()["rows"] == 0
    assert len(apps.server.asked) == asked


def test_a_line_that_cannot_be_read_is_in_quarantine_and_the_rest_in_the_table(apps):
    member = apps.server.put(str(DAYS[0]), 4, b'{"uuid":"a","event_type":"OPENED"}\n{"uuid":')
    apps.pull()
    apps("backfill", "amplitude", "--start", str(DAYS[0]))
    assert apps.kinds() == {"OPENED": 1}
    listed = apps("quarantine", "list")["items"]
    assert [(each["stream"], each["place"]) for each in listed] == [("amplitude", f"{member}, line 2")]


def test_a_source_that_fails_says_so_and_goes_on_where_it_was(apps):
    for number, day in enumerate(DAYS):
        apps.server.put(str(day), 4, [event(f"{number}", event_type="OPENED")])
    apps.server.answers += [lambda asked: setattr(asked, "close_connection", True)]
    assert "broke off" in apps("pull", code=1)["fact"]
    apps.pull()
    assert apps.kinds() == {"OPENED": 3}


def test_days_that_have_not_ended_or_are_none_are_not_asked_for(apps):
    assert "not whole yet" in apps("backfill", "amplitude", "--start", str(TODAY), code=2)["fact"]
    assert (
        "before it starts"
        in apps("backfill", "amplitude", "--start", str(DAYS[1]), "--end", str(DAYS[0]), code=2)["fact"]
    )
    assert "not a day" in apps("backfill", "amplitude", "--start", "yesterday", code=2)["fact"]
    assert "not a source" in apps("backfill", "other", "--start", str(DAYS[0]), code=2)["fact"]
    assert apps.server.asked == []
