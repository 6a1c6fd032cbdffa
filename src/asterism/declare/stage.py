"""Stages: where a platform lives. One section of `asterism.toml` each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from asterism.declare.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Stage:
    """Where things live and what is allowed there. URIs are interpolated and absolute by now."""

    name: str
    warehouse: str
    """The engine's URI: `duckdb:////absolute/file.duckdb`, `postgresql://…`, `embedded:////absolute/folder`."""
    lake: str
    """The lake's URI: `file:///absolute/folder`, `s3://bucket/prefix`, `memory:///`."""
    state: str
    """An absolute local folder for locks and sockets."""
    production: bool = False
    """Production refuses simulators and `reset`."""
    schedules: bool = True
    """Whether `run` pulls by the clock."""
    processed: bool = True
    """Whether each model's change sets are written to the lake's processed zone."""
    simulators: bool = True
    """Whether made-up traffic is allowed; never in production."""
    log: str = ""
    """The log's URI: `sqlite:////absolute/file.db`."""
    delivery: str = ""
    """What takes streams to the lake that go there alone: `firehose://prefix`; empty: the log, and the writer."""
    delivered: tuple[str, ...] = ()
    """The streams of the platform that go that way."""
    views: str = ""
    """The URI of the live views' states: `sqlite:////absolute/file.db`."""
    events: str = ""
    """The URI of the event store: `sqlite:////absolute/file.db`; `none`: events are not stored."""
    catalogue: str = ""
    """Where the lake's tables are asked: `athena://database?…`; empty: here, which reads their objects."""
    mail: str = ""
    """The mail server: `smtp://user:password@host:port`, `smtps://…`; empty: reports are not sent but shown."""
    sender: str = ""
    """The address that reports come from."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call the HTTP server; `*` is any."""
    body_limit: int = 10_000_000
    """Bytes of a request's body, unpacked."""
    rate_limit: int = 0
    """Requests a second that one client (a token, or an address without one) may make; 0: as many as it likes."""
    row_limit: int = 10_000
    """Rows of one answer to a question, at most."""
    query_timeout: int = 30
    """Seconds that one question may take, at most."""
    alerts: tuple[str, ...] = ()
    """The addresses, as Apprise reads them, that are told of incidents."""
    freshness: timedelta | None = None
    """The objective of models that have none of their own; None: the platform's."""
    disk_limit: int = 95
    """Percent of a disk in use from which it counts as filling up; 100: never."""
    deploy: Deployment | None = None
    """Where the stage is deployed to; None: it runs where it is started."""
