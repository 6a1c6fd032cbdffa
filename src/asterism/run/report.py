"""Reports: the answers of queries, written for one day, and sent by e-mail at the ticks of a clock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parseaddr

from croniter import croniter  # type: ignore[import-untyped]  # it ships without types

from asterism.declare.model import Query
from asterism.declare.report import Report
from asterism.errors import UsageError
from asterism.ports.mailer import Mailer
from asterism.run.answer import answer
from asterism.run.letter import Letter, Section, write
from asterism.run.warehouse import Warehouse

DAY = "day"
"""The parameter of a query that is bound to the report's day."""


def compose(warehouse: Warehouse, report: Report, queries: Mapping[str, Query], day: date) -> Letter:
    """Write a report of a day. Raises UsageError for a query that is not there, and what `answer` raises."""
    sections = []
    for name in report.queries:
        query = queries.get(name)
        if query is None:
            fact = f"it asks {name!r}, and there is no such query"
            raise UsageError(f"report {report.name}", fact, f"Write queries/{name}.sql, or leave it out.")
        takes_day = any(parameter.name == DAY for parameter in query.parameters)
        sections.append(
            Section(query.description, answer(warehouse, query, {DAY: day.isoformat()} if takes_day else {}))
        )
    return write(report.subject.replace("{day}", day.isoformat()), sections)


def due(warehouse: Warehouse, report: Report, moment: datetime) -> datetime | None:
    """The latest tick up to `moment` (naive UTC) that the report has not been sent for; None where there is none.

    The first look at a report is noted, and no tick before it is ever made up. Of several that were missed the latest
    one counts.
    """
    done = warehouse.ledger.reported(report.name)
    if done is None:
        with warehouse.session.transaction():
            warehouse.ledger.note_report(report.name, moment, None)
        return None
    if done >= moment:
        return None
    tick: datetime = croniter(report.at, moment + timedelta(microseconds=1)).get_prev(datetime)
    return tick if tick > done else None


def send(
    warehouse: Warehouse,
    report: Report,
    letter: Letter,
    tick: datetime,
    *,
    mailer: Mailer | None,
    sender: str,
    noted: bool = True,
) -> str:
    """Send a report, and note, unless told otherwise, that its `tick` is done with; answer in words what was done.

    Without a mail server the answer is the report's text. Raises MailError, after which the tick is as due as before.

    Delivery: at most once a tick, unless the process dies after the mail server has taken the message on and before
    that is noted. Then it is sent once more, with the same Message-ID, by which mail systems tell that it is the same.
    """
    if mailer is None:
        said = letter.text
    elif not report.to:
        raise UsageError(f"report {report.name}", "it goes to nobody", "Give it an address in `to`.")
    elif "@" not in sender:
        fact = "nobody is named as its sender"
        raise UsageError(f"report {report.name}", fact, 'Write sender = "address" in the stage\'s section.')
    else:
        identity = _identity(report, tick, sender)
        refused = mailer.send(letter.message(sender, report.to, identity, datetime.now(UTC)))
        said = f"sent to {', '.join(each for each in report.to if parseaddr(each)[1] not in refused)}"
        said += f"; the mail server refused {', '.join(refused)}" if refused else ""
    if noted:
        with warehouse.session.transaction():
            warehouse.ledger.note_report(report.name, tick, report.to if mailer else ())
    return said


def _identity(report: Report, tick: datetime, sender: str) -> str:
    """The Message-ID: the same for the same report, tick and readers."""
    readers = hashlib.sha256(repr((report.name, report.to, sender)).encode()).hexdigest()[:16]
    name = re.sub(r"[^A-Za-z0-9-]+", "-", report.name)
    domain = sender.rpartition("@")[2].strip("> ")
    return f"{name}.{tick:%Y%m%dT%H%M%S}.{readers}@{domain}"
