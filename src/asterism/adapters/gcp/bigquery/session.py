"""A session of BigQuery, in which transactions and temporary tables live; each transaction has one of its own.

https://cloud.google.com/bigquery/docs/transactions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from asterism.adapters.gcp.bigquery.service import Service
from asterism.errors import EngineError


@dataclass(slots=True)
class _Done:
    """A statement that a transaction has run, and how many rows it touched."""

    sql: str
    parameters: Sequence[Any]
    count: str | None


@dataclass(slots=True)
class _Transaction:
    """What was done in a transaction, so that it can be done again; and how to undo what is outside of it."""

    done: list[_Done] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)


class Session:
    """Runs statements where they belong. Used by one thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._id: str | None = None
        self._brief: set[str] = set()
        self._transaction: _Transaction | None = None

    @property
    def inside(self) -> bool:
        """Whether there is a transaction."""
        return self._transaction is not None

    def has(self, name: str) -> bool:
        """Whether a temporary table of this name stands."""
        return name in self._brief

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on a clean exit; undo everything on an exception."""
        self.end()
        self._transaction = work = _Transaction()
        committing = False
        try:
            yield
            self._begin(work)
            if self._id is not None:
                committing = True
                self._service.query("COMMIT TRANSACTION", session=self._id)
        except BaseException as error:
            self._abandon()
            unknown = committing and isinstance(error, EngineError) and error.unavailable
            if not unknown:  # else it may have committed, and what was made must stay
                self._undo(work)
            raise
        finally:
            self._transaction = None
            self._abandon()
            for name in work.copies:
                with suppress(EngineError):  # it goes by itself
                    self._service.query(f"DROP TABLE IF EXISTS `{name}`")

    def run(self, sql: str, parameters: Sequence[Any], *, asks: bool) -> dict[str, Any]:
        """A question, or a statement that changes rows."""
        work = self._transaction
        if work is None:
            return self._service.query(sql, parameters, session=self._id)
        self._begin(work, whole=True)
        answer = self._service.query(sql, parameters, session=self._id)
        if not asks:
            work.done.append(_Done(sql, parameters, answer.get("numDmlAffectedRows")))
        return answer

    def brief(self, verb: str, name: str, sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
        """A statement that makes or drops a temporary table."""
        if self._transaction is not None or self._id is not None:
            answer = self.run(sql, parameters, asks=False)
        else:
            answer = self._service.query(sql, parameters, createSession=True)
            self._id = answer["sessionInfo"]["sessionId"]
        (self._brief.discard if verb == "DROP" else self._brief.add)(name)
        return answer

    def change(self, verb: str, name: str, sql: str) -> dict[str, Any]:
        """A statement that makes, changes or drops a table: outside, and undone should the transaction fail."""
        work = self._transaction
        if work is None:
            return self._service.query(sql)
        self.renew()
        found = self._service.table(name)
        if verb == "CREATE":
            if found is None:
                work.undo.append(lambda: self._service.query(f"DROP TABLE IF EXISTS `{name}`"))
            elif found.get("numRows") == "0" and " IF NOT EXISTS " not in sql:
                # Left by a transaction of a process that died: nothing ever stood in it.
                self._service.query(f"DROP TABLE `{name}`")
        elif found is not None:
            copy = f"_undo_{uuid4().hex}"
            self._service.clone(name, copy)
            work.copies.append(copy)
            work.undo.append(lambda: self._service.restore(name, copy, found["schema"]))
        return self._service.query(sql)

    def renew(self) -> None:
        """Have the transaction begin again with the next statement, and all be done again that it has done.

        It sees what stood when it began, and what was made outside of it since must be seen as well.
        """
        if self._transaction is not None and self._id is not None:
            kept = set(self._brief)
            self._abandon()
            self._brief |= kept

    def end(self) -> None:
        """Let go of the session, and with it of its temporary tables."""
        self._abandon()

    def _begin(self, work: _Transaction, *, whole: bool = False) -> None:
        """See that the transaction runs: for the next statement (`whole`), or for what is done already."""
        if self._id is not None or not (whole or work.done):
            return
        answer = self._service.query("BEGIN TRANSACTION", createSession=True)
        self._id = answer["sessionInfo"]["sessionId"]
        for each in work.done:
            again = self._service.query(each.sql, each.parameters, session=self._id)
            if again.get("numDmlAffectedRows") != each.count:
                fact = "another has changed what this transaction reads"
                raise EngineError(self._service.name, fact, "Repeat it: nothing is half done.", unavailable=True)

    def _abandon(self) -> None:
        """End the session: a transaction that is open is rolled back, temporary tables go."""
        if self._id is not None:
            ended, self._id = self._id, None
            with suppress(EngineError):  # BigQuery ends it a day later
                self._service.query("CALL BQ.ABORT_SESSION()", session=ended)
        self._brief.clear()

    def _undo(self, work: _Transaction) -> None:
        for each in reversed(work.undo):
            with suppress(EngineError):  # the error that led here is the one to tell
                each()
