"""Letter: answers of queries as people read them in an e-mail, in text and in HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any

from asterism.run.answer import Answered
from asterism.run.values import as_json

NOTHING = "-"
_WIDE = 5
"""Columns from which on a single row is shown as a list of names and values."""
_CELL = "padding:4px 12px 4px 0;border-bottom:1px solid #dddddd;text-align:"
_PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head>'
    '<body style="font-family:Helvetica,Arial,sans-serif;font-size:14px;color:#222222">'
    '<h1 style="font-size:18px">{title}</h1>{sections}</body></html>'
)


@dataclass(frozen=True, slots=True)
class Section:
    """One answer, under a heading."""

    heading: str
    answered: Answered


@dataclass(frozen=True, slots=True)
class Letter:
    """A report of one day, written."""

    subject: str
    text: str
    html: str

    def message(self, sender: str, to: Sequence[str], identity: str, moment: datetime) -> EmailMessage:
        """The letter as a message, text and HTML side by side. `identity` is its Message-ID, without brackets."""
        message = EmailMessage()
        message["Subject"] = " ".join(self.subject.split())
        message["From"] = sender
        message["To"] = ", ".join(to)
        message["Date"] = format_datetime(moment)
        message["Message-ID"] = f"<{identity}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        message.add_alternative(self.html, subtype="html")
        return message


def write(subject: str, sections: Sequence[Section]) -> Letter:
    """Write a letter. Everything in it is shown as it is: nothing that a value holds becomes markup."""
    tables = [(each.heading, *_table(each.answered)) for each in sections]
    text = "\n\n".join([subject, *(f"{heading}\n\n{_text(head, rows)}" for heading, head, rows in tables)])
    html = "".join(
        f'<h2 style="font-size:15px;margin:24px 0 8px">{escape(heading)}</h2>{_html(head, rows)}'
        for heading, head, rows in tables
    )
    return Letter(subject, f"{text}\n", _PAGE.format(title=escape(subject), sections=html))


def _table(answered: Answered) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Head and rows; a single wide row stands upright, without a head."""
    if len(answered.rows) == 1 and len(answered.columns) >= _WIDE:
        names = (column.replace("_", " ") for column in answered.columns)
        return (), list(zip(names, answered.rows[0], strict=True))
    return answered.columns, answered.rows


def _text(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "nothing"
    lines = [[_shown(value) for value in row] for row in rows]
    right = [_is_numeric([row[place] for row in rows]) for place in range(len(rows[0]))]
    whole = [[*head], *lines] if head else lines
    widths = [max(len(line[place]) for line in whole) for place in range(len(right))]
    if head:
        whole.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in whole
    )


def _html(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A plain table: mail clients drop style sheets, and keep what stands on the element itself."""
    if not rows:
        return "<p>nothing</p>"
    sides = ["right" if _is_numeric([row[place] for row in rows]) else "left" for place in range(len(rows[0]))]
    top = "".join(f'<th style="{_CELL}{side}">{escape(name)}</th>' for name, side in zip(head, sides, strict=False))
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_CELL}{side}">{escape(_shown(value))}</td>' for value, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table style="border-collapse:collapse">{f"<tr>{top}</tr>" if head else ""}{body}</table>'


def _shown(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"  # noqa: PLR2004 - beyond it, digits mean nothing
    if isinstance(value, datetime) or not isinstance(value, date | str | int | Decimal):
        value = as_json(value)
    return " ".join(str(value).split())


def _is_numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)
