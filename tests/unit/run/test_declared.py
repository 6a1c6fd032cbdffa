"""Declarations of streams that could not work are refused when they are read, and not when records come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from asterism import Platform, Record
from asterism.sources import Sns
from asterism.views import hopping, tumbling


class Paid(Record):
    shop: str
    at: datetime
    price: dict[str, list[float]] | None = None


class Count(Record):
    here: int = 0


class Cases(Record):
    c: int = 0
    C: int = 0


class Taken(Record):
    extra: int = msgspec.field(name="_Extra", default=0)


class Strange(Record):
    values: list[dict[str, complex]] = []  # noqa: RUF012 - a Struct copies it


class Either(Record):
    what: Paid | Count


@pytest.mark.parametrize("name", ["", "_hidden", "-a", "a b", "../a", "a/b", "a.b", "ä", "x" * 61])
def test_a_name_that_no_address_or_table_could_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a stream"):
        Platform("p").stream(name)


@pytest.mark.parametrize("other", ["A-stream", "a-stream", "a_Stream"])
def test_streams_have_tables_of_their_own(other: str) -> None:
    platform = Platform("p")
    platform.stream("a_stream")
    with pytest.raises(ValueError, match="two streams would have the table"):
        platform.stream(other)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Cases, "Cases has fields that differ by case alone, as no two columns may: c"),
        (Taken, "Taken has a field _extra, which its table has already"),
        (Strange, "Strange cannot be read from JSON, which has no complex"),
        (Either, "Either cannot be read from JSON: If a type union contains multiple Struct types"),
        (dict, "is no type of records"),
        (datetime.now, "is no type of records"),
    ],
)
def test_a_type_that_no_table_could_have_is_refused(record: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Platform("p").stream("s", record)


def test_a_field_that_a_record_has_not_is_no_key_id_or_time() -> None:
    platform = Platform("p")
    for how in ({"key": "shpo"}, {"id_field": "shpo"}):
        with pytest.raises(ValueError, match="'shpo', which Paid has not: its fields are shop, at, price"):
            platform.stream("s", Paid, **how)
    paid, anything = platform.stream("s", Paid, key="shop"), platform.stream("anything", key="shpo")

    def count(state: Count, _paid: Paid) -> Count:
        return state

    with pytest.raises(ValueError, match="the key of view 'count' is 'shpo'"):
        platform.view(paid, key="shpo")(count)
    with pytest.raises(ValueError, match="the time of view 'count' is 'when'"):
        platform.view(paid, window=tumbling("when", "1h"))(count)
    platform.view(paid, key=None, window=tumbling("at", "1h"))(count)
    assert anything.key == "shpo"


def test_two_transforms_of_one_name_would_each_have_a_part_of_the_records() -> None:
    platform = Platform("p")
    words, said = platform.stream("words"), platform.stream("said")

    def say(word: Any) -> Any:
        return word

    platform.transform(words, into=said)(say)
    with pytest.raises(ValueError, match="two transforms are called 'say'"):
        platform.transform(words, into=said)(say)


@pytest.mark.parametrize("keep", ["101000000d", "9999999999999999999d", "37000d", timedelta(-1)])
def test_a_time_before_which_no_day_can_be_told_is_refused(keep: str | timedelta) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Platform("p").stream("s", keep=keep)


def test_what_would_never_end_is_refused() -> None:
    platform = Platform("p")
    words = platform.stream("words")
    with pytest.raises(ValueError, match="into itself"):
        platform.transform(words, into=words)
    with pytest.raises(ValueError, match="more than 10000 for each record"):
        hopping("at", "365d", "1s")


def test_a_topic_that_is_no_list_is_refused_and_not_searched_for_its_parts() -> None:
    platform = Platform("p")
    with pytest.raises(ValueError, match=r"write topics=\['arn:"):
        platform.endpoint(Sns("arn:aws:sns:eu-west-2:123456789012:users"), into=platform.stream("s"))  # type: ignore[arg-type]
