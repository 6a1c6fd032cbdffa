"""Sources: what a platform pulls from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database that is polled for changes. Nothing is written to it.

    `url` may hold `${VAR}`. Every table of `schema` is pulled but those in `exclude`, or only those in `include` where
    that is given. `changed_at` names a column that writers are meant to keep current (`last_updated`): where a table is
    large and that column is indexed, it narrows a poll; it is never trusted alone.

    Delivery: at least once from the source, exactly once in the warehouse.
    """

    url: str
    schema: str = "public"
    include: tuple[str, ...] | list[str] = ()
    exclude: tuple[str, ...] | list[str] = ()
    changed_at: str = "last_updated"
    chunk_rows: int = 250_000
    """Rows a chunk of the initial load; bounds memory."""


@dataclass(frozen=True, slots=True)
class Amplitude:
    """The Export API of Amplitude: whole days (UTC) of app events.

    Its tables are `events`, with the key `uuid`, and `events_properties`, one row an entry of an event's objects.
    `key` and `secret` are the project's, and may hold `${VAR}` or `${secret:NAME}`. Each pull asks for the days that
    have ended since the last one, from `start` on (a date; the day before the first pull unless given). The download is
    landed as it came. Delivery: at least once from the service, exactly once in the warehouse; a day that is asked for
    again replaces nothing that is equal.
    """

    key: str
    secret: str
    start: str | None = None
    url: str = "https://amplitude.com/api/2/export"


Source = Postgres | Amplitude


@dataclass(frozen=True, slots=True)
class Pull:
    """A source, the schema of the warehouse its tables land in, and how often it is asked.

    `into` names the source everywhere: in the ledger, the lake and on the command line.
    """

    source: Source
    into: str
    every: timedelta
    reconcile: timedelta
    """How often all keys are compared, which finds deletions."""
    at: str | None = None
    """A cron expression in UTC, in the place of `every`. A tick that was missed while nothing ran is made up for."""
