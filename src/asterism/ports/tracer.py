"""Tracer: is told of each piece of work, as it begins and as it ends. Metrics, traces and lineage are made of that."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

Fact = str | int | float | bool


class Span(Protocol):
    """One piece of work, from when its context is entered until it is left."""

    def note(self, **facts: Fact) -> None:
        """Say something of the work that was not known at its beginning. A fact of the same name is replaced."""
        ...


class Tracer(Protocol):
    """Used by many threads. Never raises, and never waits for a network: work does not fail for being told of.

    The steps, each with its subject: `pull` a source; within it `poll` the source, `land`, `apply` and `refresh` a
    table, `commit` the source; `write` the streams; look after `models`; `publish` a publication; `fold` a view;
    `request` a route.
    """

    def span(self, step: str, subject: str, **facts: Fact) -> AbstractContextManager[Span]:
        """A piece of work, within the one that this thread or task is in. What is raised in it marks it as failed.

        Facts that are known everywhere: `rows` and `bytes` that were read, rows `added` and `removed`, `run`, an id of
        the ledger, `inputs`, tables between commas, and a request's `method` and `status`.
        """
        ...

    def close(self) -> None:
        """Deliver what has been told, within seconds. Repeating it does nothing."""
        ...
