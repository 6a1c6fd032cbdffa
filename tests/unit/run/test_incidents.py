"""Incidents: once for each trouble, from its beginning to its end, for everybody who is to know."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from asterism.run.incidents import SETTLED, Incident, Incidents
from asterism.run.ledger import ModelState
from asterism.run.notice import text, title
from asterism.run.trouble import fresh_as_of, full, held, stale

NOON = datetime(2024, 5, 1, 12)
BROKEN = Incident("step", "source shop", "shop: it is away", "Wait.", NOON, NOON - timedelta(hours=1))


def test_a_trouble_that_lasts_is_told_once_and_its_end_once():
    incidents = Incidents()
    assert incidents.look([BROKEN], NOON) == [BROKEN]
    assert incidents.look([replace(BROKEN, since=NOON + SETTLED)], NOON + SETTLED) == []
    assert incidents.to_tell("owner") == [BROKEN]
    incidents.tell([BROKEN], "owner")
    assert incidents.to_tell("owner") == []
    assert incidents.look([], NOON + SETTLED) == []
    (over,) = incidents.look([], NOON + 2 * SETTLED)
    assert over.over_at == NOON + SETTLED
    assert incidents.to_tell("owner") == [over]
    incidents.tell([over], "owner")
    incidents.settle()
    assert [*incidents] == []


def test_what_comes_and_goes_by_the_second_is_one_incident():
    incidents = Incidents()
    incidents.look([BROKEN], NOON)
    for second in range(0, 60, 2):
        at = NOON + timedelta(seconds=second)
        assert incidents.look([] if second % 4 else [replace(BROKEN, since=at)], at) == []


def test_what_is_not_known_to_be_well_goes_on():
    incidents = Incidents([BROKEN])
    for hours in range(3):
        assert incidents.look([], NOON + timedelta(hours=hours), {"source shop"}) == []


def test_who_was_never_told_of_a_beginning_is_not_told_of_the_end():
    incidents = Incidents([replace(BROKEN, told=frozenset({"owner"}), over_at=NOON + SETTLED)])
    assert len(incidents.to_tell("owner")) == 1
    assert incidents.to_tell("another") == []


def test_a_notice_names_everything_that_is_needed():
    said = text("shop", "prod", [BROKEN])
    for part in (
        "platform: shop",
        "stage: prod",
        "step: source shop",
        "error: shop: it is away",
        "since: 2024-05-01 12:00:00 UTC",
        "last good: 2024-05-01 11:00:00 UTC",
        "what to do: Wait.",
    ):
        assert part in said
    assert title("shop/prod", [BROKEN, BROKEN]) == "[shop/prod] source shop failed (and 1 more)"


def test_a_model_is_stale_when_a_source_was_read_too_long_ago_or_it_is_held():
    states = {
        "good": ModelState("", "current", "", None, NOON, None),
        "stuck": ModelState("", "held", "its key is violated", NOON - timedelta(hours=2), NOON, None),
    }
    behind = {"good": frozenset({"shop"}), "stuck": frozenset({"shop"})}
    as_of = fresh_as_of(behind, states, {"shop": NOON})
    objectives = dict.fromkeys(behind, timedelta(hours=1))
    assert [each.subject for each in stale(as_of, objectives, NOON + timedelta(minutes=59))] == ["model stuck"]
    late = [*stale(as_of, objectives, NOON + timedelta(minutes=61))]
    assert [(each.subject, each.since) for each in late] == [
        ("model good", NOON + timedelta(hours=1)),
        ("model stuck", NOON - timedelta(hours=1)),
    ]
    assert [each.fact for each in held(states, NOON)] == ["its key is violated"]


def test_a_disk_is_full_from_its_limit_on():
    disks = {Path("/data"): (95, 100)}
    assert len([*full(disks, 95, NOON)]) == 1
    assert [*full(disks, 96, NOON)] == [*full({Path("/data"): (100, 100)}, 100, NOON)] == []
