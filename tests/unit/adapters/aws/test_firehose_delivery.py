"""Records on their way into Firehose: what it turns away is put again, and nothing else is."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from firehose_server import Firehose, serving

from asterism.adapters.aws.firehose import FirehoseDelivery, packed
from asterism.adapters.sqlite.log import SqliteLog
from asterism.errors import LogError
from asterism.ports.log import Entry
from asterism.project.load import load
from asterism.run.delivery import DeliveringLog
from asterism.run.records import Envelope
from asterism.wire import Wiring

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def made(turns_away=lambda _: False):
    return Firehose(None, "raw/streams/s/!{timestamp:yyyy/MM/dd/HH}/", "", "", NOON, turns_away=turns_away)


def lines(stream):
    stream.flush()
    return [line for body in stream.objects.values() for line in gzip.decompress(body).splitlines()]


def test_only_what_firehose_turned_away_is_put_again():
    met, asked = Counter(), []

    def turns_away(data):
        met[data] += 1
        return met[data] == 1 and int(data[:1]) % 2 == 0

    stream = made(turns_away)
    sent = [b"%d" % (number % 10) * 150_000 for number in range(20)]  # too large to go together
    with serving({"shop-s": stream}, asked) as url:
        FirehoseDelivery(f"firehose://shop?region=eu-west-2&endpoint={url}").put("s", [*dict.fromkeys(sent)])
    assert asked == [10, 5]
    assert Counter(lines(stream)) == Counter(dict.fromkeys(sent, 1))


def test_what_firehose_goes_on_turning_away_is_told():
    with serving({"shop-s": made(lambda data: data == b"2\n")}) as url:
        delivery = FirehoseDelivery(f"firehose://shop?region=eu-west-2&endpoint={url}", patience=0.2)
        with pytest.raises(LogError, match="takes no more: ServiceUnavailableException: Slow down"):
            delivery.put("s", [b"2"])


def test_requests_and_records_are_as_large_as_firehose_takes_them():
    asked, stream = [], made()
    with serving({"shop-s": stream}, asked) as url:
        delivery = FirehoseDelivery(f"firehose://shop?region=eu-west-2&endpoint={url}")
        delivery.put("s", [b"x" * 199_999] * 50)  # a record each
        assert asked == [20, 20, 10]
        delivery.put("s", [b"x" * 199_999, b"y"] * 30)  # as small as records are that follow each other
        assert asked[3:] == [38, 22]
        delivery.put("s", [b"x" * 1_023_999] * 5)
        assert asked[-2:] == [3, 2]
        with pytest.raises(LogError, match="1,000 KiB"):
            delivery.put("s", [b"x" * 1_024_000])
        asked.clear()
        delivery.put("s", [b"x"] * 50_000)  # small ones are one record
        assert asked == [1]
    assert len(lines(stream)) == 50 + 60 + 5 + 50_000


def test_small_lines_share_a_record_of_firehose():
    assert [*packed([b"1", b"2"])] == [b"1\n2\n"]
    assert [*packed([b"x" * 150_000, b"y" * 60_000, b"z"])] == [b"x" * 150_000 + b"\n", b"y" * 60_000 + b"\nz\n"]
    assert [*packed([])] == []


def test_a_delivered_stream_is_put_as_landed_lines_and_the_others_stay_in_the_log(tmp_path):
    stream, names = made(), {"s"}
    with serving({"shop-s": stream}) as url:
        delivery = FirehoseDelivery(f"firehose://shop?region=eu-west-2&endpoint={url}")
        log = DeliveringLog(SqliteLog(tmp_path / "log.db"), delivery, lambda: names)
        week = timedelta(days=7)
        sent = [Entry("a", "k", b'{"n":1}'), Entry("a", "k", b'{"n":2}'), Entry("b", "", b'{"n":3}', given=False)]
        assert log.append("s", sent, week) == [True, False, True]
        assert log.append("t", sent[:1], week) == [True]
        assert log.append("t", sent[:1], week) == [False]
        assert log.read("s", "c", {}, 10) == []
        assert [each.id for each in log.read("t", "c", {}, 10)] == ["a"]
        assert (log.standing("s").records, log.standing("t").records) == (0, 1)
        assert (log.erase("s", ["a"]), log.erase("t", ["a"]), log.trim("s", [], datetime(2026, 1, 1))) == (0, 1, 0)
        names.clear()  # as when the platform was edited
        assert log.append("s", sent[:1], week) == [True]
        assert log.standing("s").records == 1
        log.close()
    found = msgspec.json.Decoder(Envelope).decode_lines(b"\n".join(lines(stream)))
    assert [(each.id, each.key, bytes(each.record)) for each in found] == [
        ("a", "k", b'{"n":1}'),
        ("b", "", b'{"n":3}'),
    ]


def test_a_stage_that_names_a_delivery_puts_its_streams_of_the_lake_there(tmp_path):
    (tmp_path / "platform.py").write_text(
        "from asterism import Platform\nplatform = Platform('shop')\n"
        "platform.stream('s', lake_only=True)\nplatform.stream('t')\n"
    )
    stream = made()
    with serving({"shop-s": stream}) as url:
        (tmp_path / "asterism.toml").write_text(
            '[dev]\nwarehouse = "duckdb:///w"\nlake = "l"\n'
            f'[cloud]\nwarehouse = "duckdb:///w"\nlake = "l"\ndelivery = "firehose://shop?region=eu-west-2&endpoint={url}"\n'
        )
        for stage, standing in (("cloud", 0), ("dev", 1)):
            project = load(tmp_path, stage, {})
            with Wiring(project.stage) as wiring:
                for each in project.platform.streams:
                    wiring.log().append(each.name, [Entry("a", "", b"1")], each.dedupe)
                assert [wiring.log().standing(name).records for name in ("s", "t")] == [standing, 1]
    assert len(lines(stream)) == 1
