"""Reports: written from queries, due at ticks, sent once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from conftest import parquet
from unit.adapters.smtp.postbox import postbox

from asterism.adapters.duckdb.engine import DuckDBEngine
from asterism.adapters.obstore.lake import ObstoreLake
from asterism.adapters.smtp.mailer import SmtpMailer
from asterism.declare.model import Parameter, Query
from asterism.declare.report import Report
from asterism.errors import MailError, UsageError
from asterism.run.report import compose, due, send
from asterism.run.warehouse import Warehouse

DAY = Parameter("day", "date")
QUERIES = {
    "savers": Query("savers", Path("savers.sql"), "Who saved <b>.", "select 'é<i>' as who, $day as day, 12 as n "
                    "union all select 'b', null, 7 order by n", 1, (DAY,)),
    "wide": Query("wide", Path("wide.sql"), "Figures.", "select 1 as a_b, 0.5::double as c, null as d, true as e, "
                  "1.50::decimal(9,2) as f", 1),
    "none": Query("none", Path("none.sql"), "Nobody.", "select 1 as a where false", 1),
}  # fmt: skip
REPORT = Report("daily", ("savers", "wide", "none"), ("b@example.com",), "0 5 * * *", "savers of {day}")
FIVE = datetime(2026, 3, 2, 5)
HOUR = timedelta(hours=1)


@dataclass
class Broken:
    """A mail server that fails so many times, and then keeps messages."""

    failures: int
    messages: list[EmailMessage] = field(default_factory=list)

    def send(self, message: EmailMessage) -> tuple[str, ...]:
        if self.failures:
            self.failures -= 1
            raise MailError("the mail server", "is down")
        self.messages.append(message)
        return ()


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    engine = DuckDBEngine()
    made = Warehouse(engine, ObstoreLake("memory:///"), parquet(), ())
    made.ledger.prepare()
    yield made
    engine.close()


def sent(warehouse: Warehouse, mailer: Broken | SmtpMailer, moment: datetime) -> bool:
    """Look whether the report is due, and send it."""
    tick = due(warehouse, REPORT, moment)
    if tick is None:
        return False
    letter = compose(warehouse, REPORT, QUERIES, tick.date() - timedelta(days=1))
    send(warehouse, REPORT, letter, tick, mailer=mailer, sender="Jo <a@example.com>")
    return True


def test_a_report_is_written_in_text_and_in_html(warehouse: Warehouse) -> None:
    letter = compose(warehouse, REPORT, QUERIES, date(2026, 3, 1))
    assert letter.subject == "savers of 2026-03-01"
    assert letter.text == (
        "savers of 2026-03-01\n\nWho saved <b>.\n\n"
        "who   day          n\n----  ----------  --\nb     -            7\né<i>  2026-03-01  12\n\n"
        "Figures.\n\na b  1\nc    0.5\nd    -\ne    yes\nf    1.50\n\nNobody.\n\nnothing\n"
    )
    assert "é&lt;i&gt;" in letter.html
    assert "Who saved &lt;b&gt;." in letter.html
    assert "<i>" not in letter.html


def test_a_report_arrives_as_text_and_html_side_by_side(warehouse: Warehouse) -> None:
    due(warehouse, REPORT, FIVE - HOUR)
    with postbox() as box:
        assert sent(warehouse, SmtpMailer(box.url), FIVE)
        (message,) = box.messages
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "é<i>  2026-03-01  12" in text.get_content()
    assert "<table" in html.get_content()
    assert message["Subject"] == "savers of 2026-03-01"
    assert message["Message-ID"].endswith("@example.com>")


def test_no_tick_before_the_first_look_is_made_up(warehouse: Warehouse) -> None:
    assert due(warehouse, REPORT, FIVE + HOUR) is None
    assert due(warehouse, REPORT, FIVE + 23 * HOUR) is None
    assert due(warehouse, REPORT, FIVE + 24 * HOUR) == FIVE + 24 * HOUR


def test_a_report_is_sent_once_a_tick(warehouse: Warehouse) -> None:
    box = Broken(0)
    moments = [FIVE - HOUR, FIVE, FIVE + timedelta(seconds=1), FIVE + 2 * HOUR, FIVE + 23 * HOUR, FIVE + 24 * HOUR]
    assert [sent(warehouse, box, moment) for moment in moments] == [False, True, False, False, False, True]
    assert [each["Subject"] for each in box.messages] == ["savers of 2026-03-01", "savers of 2026-03-02"]


def test_of_several_missed_ticks_the_latest_is_made_up(warehouse: Warehouse) -> None:
    box = Broken(0)
    assert not sent(warehouse, box, FIVE - HOUR)
    assert sent(warehouse, box, FIVE + 75 * HOUR)
    assert not sent(warehouse, box, FIVE + 76 * HOUR)
    assert [each["Subject"] for each in box.messages] == ["savers of 2026-03-04"]


def test_a_report_that_could_not_be_sent_stays_due_under_the_same_message_id(warehouse: Warehouse) -> None:
    box = Broken(1)
    assert not sent(warehouse, box, FIVE - HOUR)
    with pytest.raises(MailError):
        sent(warehouse, box, FIVE)
    letter = compose(warehouse, REPORT, QUERIES, FIVE.date())
    assert due(warehouse, REPORT, FIVE + HOUR) == FIVE
    for _ in range(2):  # as if the process died before the first was noted
        send(warehouse, REPORT, letter, FIVE, mailer=box, sender="a@example.com")
    first, second = box.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert due(warehouse, REPORT, FIVE + HOUR) is None


def test_a_report_that_was_sent_by_hand_is_sent_by_the_clock_all_the_same(warehouse: Warehouse) -> None:
    assert due(warehouse, REPORT, FIVE - HOUR) is None
    letter, box = compose(warehouse, REPORT, QUERIES, FIVE.date()), Broken(0)
    send(warehouse, REPORT, letter, FIVE + HOUR, mailer=box, sender="a@example.com", noted=False)
    assert len(box.messages) == 1
    assert due(warehouse, REPORT, FIVE + 2 * HOUR) == FIVE


def test_without_a_mail_server_a_report_is_shown(warehouse: Warehouse) -> None:
    assert due(warehouse, REPORT, FIVE - HOUR) is None
    letter = compose(warehouse, REPORT, QUERIES, FIVE.date())
    assert send(warehouse, REPORT, letter, FIVE, mailer=None, sender="") == letter.text
    assert due(warehouse, REPORT, FIVE + HOUR) is None


def test_a_report_without_sender_or_query_is_refused(warehouse: Warehouse) -> None:
    letter = compose(warehouse, REPORT, QUERIES, FIVE.date())
    with pytest.raises(UsageError, match="nobody is named as its sender"):
        send(warehouse, REPORT, letter, FIVE, mailer=Broken(0), sender="")
    with pytest.raises(UsageError, match=r"it asks 'savers', and there is no such query"):
        compose(warehouse, REPORT, {}, FIVE.date())
