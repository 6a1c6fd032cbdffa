"""A function of a cloud, where a stream stands still."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from asterism.entry.site import Came, Site

PLATFORM = """\
from asterism import Platform, Record

platform = Platform("shop")


class Sale(Record):
    amount: KIND


platform.stream("sales", Sale)
platform.stream("visits")
"""


def test_the_writer_takes_the_other_streams_and_then_says_what_stands_still(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asterism.toml").write_text('[dev]\nwarehouse = "duckdb:///w.duckdb"\nlake = "lake"\n')
    for kind, amount, still in (("float", b"1.5", []), ("int", b"2", ["streams.sales"]), ("float", b"2.5", [])):
        (tmp_path / "platform.py").write_text(PLATFORM.replace("KIND", kind))
        site = Site(tmp_path, None, tmp_path / "scratch", {})
        with closing(site.wiring):
            site.take("sales", [Came(b'{"amount":%b}' % amount)], "door")
            site.take("visits", [Came(b"{}")], "door")
            stopped = site.consume(["warehouse"], lambda: True)
            assert [each.error.subject for each in stopped] == still
            rows = site.desk.warehouse.session.rows
            (visits,) = rows("SELECT count(*) FROM streams.visits")
            amounts = [amount for (amount,) in rows("SELECT amount FROM streams.sales ORDER BY amount")]
    assert (visits, amounts) == ((3,), [1.5, 2.0, 2.5])
