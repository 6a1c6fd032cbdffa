"""examples/occupancy: its counts, models and queries, reckoned again by hand on both engines, and its simulator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import Database
from unit.examples.pushed import EXAMPLES, Pushed, pushed

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.postgres.engine import PostgresEngine
from asterism.adapters.sqlite.log import SqliteLog
from asterism.errors import RecordError
from asterism.project.load import load
from asterism.run.simulate_events import simulate_events

HOUR = timedelta(hours=1)


@pytest.fixture(params=["duckdb", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pushed]:
    if request.param == "duckdb":
        with pushed("occupancy", tmp_path, lambda: DuckDBEngine(tmp_path / "warehouse.duckdb")) as made:
            yield made
    else:
        make: Callable[[], Database] = request.getfixturevalue("make_database")
        database = make()
        with pushed("occupancy", tmp_path, lambda: PostgresEngine(database.url)) as made:
            yield made


def access(at: str, event: int = 1, service: str = "door-1") -> dict[str, Any]:
    return {"eventTime": at, "event": event, "service": service}


def simulated(limit: int, seed: int = 0) -> list[dict[str, Any]]:
    (simulator,) = load(EXAMPLES / "occupancy", "dev", {}).event_simulators
    return [timed.record for timed in islice(simulator.live(Random(seed)), limit)]


def at_the_end_of_each_hour(events: list[dict[str, Any]], service: str) -> dict[datetime, int]:
    """How many are inside, hour by hour from the first event to the last, silent hours too."""
    change: Counter[datetime] = Counter()
    for event in events:
        if service in {"all", event["service"]}:
            change[event["eventTime"].replace(minute=0, second=0, microsecond=0)] += event["event"]
    found, inside, hour = {}, 0, min(change)
    while hour <= max(change):
        inside = found[hour] = inside + change[hour]
        hour += HOUR
    return found


def test_three_simulated_weeks_are_counted_as_by_hand(site: Pushed) -> None:
    site.simulate(6000)
    events = simulated(6000)
    inside: Counter[str] = Counter()
    for event in events:
        inside[event["service"]] += event["event"]
    assert {key: value["currentOccupancy"] for key, value in site.view("occupancy").items()} == inside
    latest = events[-1]["eventTime"]
    assert site.view("site") == {"all": {"currentOccupancy": inside.total(), "writeTime": latest.isoformat()}}
    stored = site.ask("select event_time, service, event from fact_access")
    key = lambda e: tuple(e.values())  # noqa: E731 - said once
    assert sorted(map(key, stored)) == sorted((e["eventTime"], e["service"], e["event"]) for e in events)
    for service in ("all", "door-2"):
        by_hour = at_the_end_of_each_hour(events, service)
        told = site.ask("select hour, occupancy from occupancy_over_time where service = '%s'" % service)  # noqa: UP031
        assert {each["hour"]: each["occupancy"] for each in told}.items() <= by_hour.items()
        usual = defaultdict(list)
        for hour in list(by_hour)[:-1]:  # the last one still goes on
            usual[hour.isoweekday(), hour.hour].append(by_hour[hour])
        sql = f"select day_of_week, hour_of_day, usual, weeks from usual_occupancy where service = '{service}'"
        told = {(row["day_of_week"], row["hour_of_day"]): (row["usual"], row["weeks"]) for row in site.ask(sql)}
        assert told == {key: (pytest.approx(sum(all_) / len(all_)), len(all_)) for key, all_ in usual.items()}
    assert site.is_right()


def test_the_queries_tell_the_day_the_usual_and_the_next_five_hours(site: Pushed) -> None:
    site.simulate(6000)
    by_hour = at_the_end_of_each_hour(simulated(6000), "all")
    day = site.ask("occupancy_over_time", day="2019-08-07")
    assert [row["hour"].date().isoformat() for row in day] == ["2019-08-07"] * len(day)
    assert all(row["occupancy"] == by_hour[row["hour"]] for row in day)
    latest = site.ask("occupancy_over_time", service="door-1")
    assert latest[-1]["hour"].date() == max(by_hour).date()
    (usual,) = [row for row in site.ask("usual_count", at="2019-08-14T10:20:00") if row["service"] == "all"]
    same = [inside for hour, inside in by_hour.items() if (hour.isoweekday(), hour.hour) == (3, 10)]
    assert (usual["usual"], usual["weeks"]) == (pytest.approx(sum(same) / len(same), abs=0.051), len(same))
    forecast = site.ask("forecast", at="2019-08-14T09:20:00")
    assert [row["hour"] for row in forecast] == [datetime(2019, 8, 14, 10) + n * HOUR for n in range(5)]
    assert forecast[0]["expected"] == usual["usual"]
    assert len(site.ask("forecast")) == 5
    assert site.ask("events", service="door-3")[0]["service"] == "door-3"


def test_before_a_week_has_passed_nothing_is_expected_of_hours_that_were_never_seen(site: Pushed) -> None:
    site.send("accesses", access("2019-08-05 14:02:11"), access("2019-08-05 16:00:00", -1))
    forecast = site.ask("forecast", at="2019-08-05T13:30:00")
    assert [(row["expected"], row["weeks"]) for row in forecast] == [(1, 1), (1, 1), (None, 0), (None, 0), (None, 0)]


def test_late_events_of_any_order_end_in_the_same_hours(site: Pushed) -> None:
    in_order = [access(f"2019-08-{day:02d} {hour:02d}:30:00", event) for day in (5, 6) for hour, event in DAY]
    shuffled = Random(7).sample(in_order, len(in_order))
    site.send("accesses", *shuffled[:5])
    site.send("accesses", *shuffled[5:])
    told = site.ask("select hour, occupancy from occupancy_over_time where service = 'all' order by hour")
    assert [each["occupancy"] for each in told] == [1, 2, 1, 0] * 2
    assert site.view("hourly") == {
        ("door-1", f"2019-08-{day:02d}T{hour:02d}:00:00"): {"entered": int(event == 1), "left": int(event == -1)}
        for day in (5, 6)
        for hour, event in DAY
    }
    assert site.view("site")["all"] == {"currentOccupancy": 0, "writeTime": "2019-08-06T17:30:00"}
    assert site.aside() == []
    assert site.is_right()


DAY = ((8, 1), (9, 1), (16, -1), (17, -1))


def test_an_event_of_today_moves_todays_rows_and_not_the_history_behind_them(site: Pushed) -> None:
    site.simulate(6000)
    how = {
        plan.table.name: plan.maintenance
        for plan in site.warehouse.compiled(site.warehouse.raw_tables().values()).plans
    }
    assert how["hourly_occupancy"] == how["occupancy_over_time"] == "incremental, by service, day"
    latest = max(simulated(6000)[-1]["eventTime"], datetime(2019, 8, 27))
    done = site.take("accesses", access(latest.isoformat(sep=" ")))
    assert "full" not in {each.how for each in done}
    assert sum(each.removed + each.added for each in done) < 50
    assert site.is_right()


def test_of_a_silence_that_is_longer_than_a_week_one_week_tells(site: Pushed) -> None:
    site.send(
        "accesses", access("2019-08-05 14:02:11"), access("2019-08-05 16:00:00", 1), access("2019-09-05 09:30:00")
    )
    told = site.ask("select weeks, usual from usual_occupancy where service = 'door-1'")
    assert sum(row["weeks"] for row in told) == 2 + 168
    assert sum(row["weeks"] * row["usual"] for row in told) == pytest.approx(2 * 1 + 168 * 2)
    site.send("accesses", access("2019-08-12 15:30:00", -1))  # late, amid the silence: it goes on a week longer
    told = site.ask("select weeks, usual from usual_occupancy where service = 'door-1'")
    assert sum(row["weeks"] for row in told) == 2 + 167 + 168
    assert sum(row["weeks"] * row["usual"] for row in told) == pytest.approx(2 * 1 + 167 * 2 + 168 * 1)
    assert site.is_right()


def test_an_event_of_another_age_neither_swells_the_models_nor_is_lost(site: Pushed) -> None:
    site.simulate(500)
    site.send("accesses", access("0001-01-01 00:00:00"), access("9998-12-31 23:59:59"))
    assert site.ask("select count(*) as n from usual_occupancy where service = 'all'") == [{"n": 168}]
    assert site.ask("select count(*) as n from fact_access") == [{"n": 502}]
    assert site.view("site")["all"]["writeTime"] == "9998-12-31T23:59:59"
    assert site.is_right()


@pytest.mark.parametrize(
    "record",
    [
        access("2019-08-05 14:02:11", 2),
        access("2019-08-05 14:02:11", 0),
        access("yesterday"),
        access("2019-08-05 14:02:11", service="all"),
        access("2019-08-05 14:02:11", service=""),
        {"event": 1, "service": "door-1"},
    ],
)
def test_what_is_no_access_is_refused(site: Pushed, record: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        site.send("accesses", record)


def test_keys_lead_with_the_sensor_and_never_with_the_time() -> None:
    platform = load(EXAMPLES / "occupancy", "dev", {}).platform
    (stream,) = platform.streams
    assert stream.key == "service"
    assert {view.name: view.key for view in platform.views} == {
        "occupancy": "service",
        "site": None,
        "hourly": "service",
    }


def test_simulated_days_are_believable_and_no_count_falls_below_zero() -> None:
    events = simulated(12_000, seed=3)
    inside: Counter[str] = Counter()
    by_hour: dict[int, list[int]] = defaultdict(list)
    for event in events:
        inside[event["service"]] += event["event"]
        assert inside[event["service"]] >= 0
        by_hour[event["eventTime"].hour].append(event["event"])
    mean = {hour: sum(each) / len(each) for hour, each in by_hour.items()}
    assert all(mean[hour] == 1 for hour in (6, 7, 8, 9, 10))  # in the morning they come
    assert all(mean[hour] == -1 for hour in (15, 16, 17, 18, 19))  # in the evening they leave
    assert not {22, 23, 0, 1, 2, 3, 4, 5} & by_hour.keys()
    times = [event["eventTime"] for event in events]
    assert times == sorted(times)
    weekend = sum(time.isoweekday() > 5 for time in times)
    assert 0 < weekend < len(times) / 20
    nights = [(a, b) for a, b in pairwise(at_the_end_of_each_hour(events, "all").items()) if b[0].hour == 0]
    assert all(before[1] == after[1] == 0 for before, after in nights)


def test_the_same_seed_makes_the_same_days() -> None:
    assert simulated(500, seed=4) == simulated(500, seed=4) != simulated(500, seed=5)


def test_a_night_passes_in_total_seconds_and_not_in_those_that_a_day_leaves_over(tmp_path: Path) -> None:
    """At 3600, an hour a second; a silence of any length passes as if it were an hour, and not as its odd seconds."""
    (simulator,) = load(EXAMPLES / "occupancy", "dev", {}).event_simulators
    log, slept, now = SqliteLog(tmp_path / "log.db"), [0.0], [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds
        now[0] += seconds

    simulate_events(simulator, log, limit=3000, speed=3600, clock=lambda: now[0], sleep=sleep)
    log.close()
    times = [event["eventTime"] for event in simulated(3000)]
    passed = sum((min(after - before, HOUR) for before, after in pairwise(times)), timedelta())
    assert any(after - before > timedelta(days=1) / 4 for before, after in pairwise(times))
    assert slept[0] == pytest.approx(passed.total_seconds() / 3600)
