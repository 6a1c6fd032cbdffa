"""Reports: answers of queries, sent by e-mail at a time of day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """At each tick of `at` (cron, UTC) the answers of `queries` go to `to`, in HTML and in text.

    A query's parameter `day` is bound to the day before the tick's. `subject` may hold `{day}`. Delivery: once a tick
    and address list; a tick that was missed while nothing ran is made up for, the latest one only.
    """

    name: str
    queries: tuple[str, ...]
    to: tuple[str, ...]
    at: str
    subject: str
