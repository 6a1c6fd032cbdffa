"""A session of BigQuery, in which transactions and temporary tables live; each transaction has one of its own.

https://cloud.google.com/bigquery/docs/transactions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from asterism.adapters.gcp.bigquery.service import Service
from asterism.adapters.gcp.bigquery.turn import Turn
from asterism.errors import EngineError, LockedError

_LONGEST, _MOST = 200_000, 50
"""A script's length in characters, and how many statements it has. BigQuery takes a million characters."""
_PARAMETER = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)|@p(\d+)\b""")


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement of a transaction. `count` is how many rows it touched, where somebody has been told."""

    sql: str
    parameters: Sequence[Any] = ()
    count: str | None = None


@dataclass(slots=True)
class _Transaction:
    """What was done in a transaction, so that it can be done again; and how to undo what is outside of it."""

    done: list[_Statement] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)


class Session:
    """Runs statements where they belong. Used by one thread.

    A call takes a second whatever it asks. What nobody waits for is therefore kept, and goes as one script with the
    next statement that somebody does wait for, or with the commit.
    """

    def __init__(self, service: Service, turn: Turn) -> None:
        self._service = service
        self._turn = turn
        self._id: str | None = None
        self._brief: dict[str, str] = {}
        self._transaction: _Transaction | None = None
        self._kept: list[_Statement] = []

    @property
    def inside(self) -> bool:
        """Whether there is a transaction."""
        return self._transaction is not None

    def has(self, name: str) -> bool:
        """Whether a temporary table of this name stands."""
        return name in self._brief

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on a clean exit; undo everything on an exception. Raises LockedError where another works there."""
        self.end()
        self._turn.wait()
        self._transaction = work = _Transaction()
        committing = False
        try:
            yield
            if work.done or self._turn.mark:
                self._begin(work)
                if mark := self._turn.mark:
                    self._keep(_Statement(mark))
                committing = True
                self._send(_Statement("COMMIT TRANSACTION"))
        except BaseException as error:
            self.end()
            away = committing and isinstance(error, EngineError) and error.unavailable
            lost = self._turn.lost() if self._turn.taken else False
            if lost:
                self._turn.abandon()
                fact = "another process has taken over, for this one was not heard of"
                raise LockedError(self._service.name, fact, "Repeat it: nothing is half done.") from error
            if away or lost is None:
                self._turn.abandon()  # it may have committed: whoever comes next finds out, and undoes it if not
            else:
                self._undo(work)
            raise
        finally:
            self._transaction = None
            self.end()
            self._turn.end()

    def run(self, sql: str, parameters: Sequence[Any], *, asks: bool) -> dict[str, Any]:
        """A question, or a statement that changes rows and whose count is awaited."""
        work = self._transaction
        if work is None:
            return self._service.query(sql, parameters, session=self._id)
        self._begin(work)
        if asks:
            return self._send(_Statement(sql, parameters))
        self._turn.take(self._id)
        self._flush()
        answer = self._service.query(sql, parameters, session=self._id)
        work.done.append(_Statement(sql, parameters, answer.get("numDmlAffectedRows")))
        return answer

    def later(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """A statement whose count nobody awaits."""
        if self._transaction is not None:
            self._turn.take(self._id)
        self._later(sql, parameters)

    def _later(self, sql: str, parameters: Sequence[Any]) -> None:
        if self._transaction is None:
            self._service.query(sql, parameters, session=self._id)
            return
        statement = _Statement(sql, parameters)
        self._transaction.done.append(statement)
        if self._id is not None:
            self._keep(statement)

    def brief(self, verb: str, name: str, sql: str, parameters: Sequence[Any]) -> None:
        """A statement that makes or drops a temporary table."""
        if self._transaction is not None or self._id is not None:
            self._later(sql, parameters)
        else:
            self._id = self._service.query(sql, parameters, createSession=True)["sessionInfo"]["sessionId"]
        if verb == "DROP":
            self._brief.pop(name, None)
        else:
            self._brief[name] = "" if parameters else sql.partition(" AS ")[2]

    def shape(self, name: str) -> list[dict[str, Any]]:
        """The columns of a temporary table, without making it where that can be done without."""
        if self._transaction is not None and (query := self._brief[name]):
            with suppress(EngineError):  # it reads other temporary tables
                answer = self._service.query(query, dryRun=True)
                found: list[dict[str, Any]] = answer.get("schema", {}).get("fields", [])
                return found
        answer = self.run(f"SELECT * FROM `{name}` LIMIT 0", (), asks=True)
        return list(answer.get("schema", {}).get("fields", []))

    def change(self, verb: str, name: str, sql: str) -> None:
        """A statement that makes, changes or drops a table: outside, and undone should the transaction fail."""
        work = self._transaction
        if work is not None:
            self._turn.take(self._id)
            self.renew()
            found = self._service.table(name)
            if found is None:
                if verb == "CREATE":
                    work.undo.append(lambda: self._service.query(f"DROP TABLE IF EXISTS `{name}`"))
            elif verb == "CREATE" and found.get("numRows") == "0" and " IF NOT EXISTS " not in sql:
                # Left by a transaction of a process that died: nothing ever stood in it.
                self._service.query(f"DROP TABLE `{name}`")
            elif verb != "CREATE":
                copy = self._turn.keep(name, found["schema"])
                work.undo.append(lambda: self._service.restore(name, copy))
        self._service.query(sql)

    def renew(self) -> None:
        """Have the transaction begin again with the next statement, and all be done again that it has done.

        It sees what stood when it began, and what was made outside of it since must be seen as well.
        """
        if self._transaction is not None and self._id is not None:
            kept = dict(self._brief)
            self.end()
            self._brief = kept

    def end(self) -> None:
        """End the session: a transaction that is open is rolled back, temporary tables go."""
        if self._id is not None:
            ended, self._id = self._id, None
            with suppress(EngineError):  # BigQuery ends it a day later
                self._service.query("CALL BQ.ABORT_SESSION()", session=ended)
        self._brief.clear()
        self._kept.clear()

    def _begin(self, work: _Transaction) -> None:
        """See that the transaction runs, and that what it has done before is done in it."""
        if self._id is not None:
            return
        self._id = self._service.query("BEGIN TRANSACTION", createSession=True)["sessionInfo"]["sessionId"]
        self._turn.tell(self._id)
        for each in work.done:
            if each.count is None:
                self._keep(each)
                continue
            self._flush()
            again = self._service.query(each.sql, each.parameters, session=self._id)
            if again.get("numDmlAffectedRows") != each.count:
                fact = "another has changed what this transaction reads"
                raise EngineError(self._service.name, fact, "Repeat it: nothing is half done.", unavailable=True)

    def _keep(self, statement: _Statement) -> None:
        if len(self._kept) >= _MOST or sum(len(each.sql) for each in self._kept) + len(statement.sql) > _LONGEST:
            self._flush()
        self._kept.append(statement)

    def _flush(self) -> None:
        if self._kept:
            self._send(self._kept.pop())

    def _send(self, last: _Statement) -> dict[str, Any]:
        """Run what was kept and this statement, whose answer it is."""
        statements, values = [*self._kept, last], list[Any]()
        self._kept.clear()
        script = []
        for each in statements:
            script.append(_renumbered(each.sql, len(values)) if each.parameters else each.sql)
            values += each.parameters
        return self._service.query(";\n".join(script), values, session=self._id)

    def _undo(self, work: _Transaction) -> None:
        for each in reversed(work.undo):
            with suppress(EngineError):  # the error that led here is the one to tell
                each()


def _renumbered(sql: str, by: int) -> str:
    """A statement whose parameters have other numbers, for those of a script are one list."""
    return _PARAMETER.sub(lambda found: found[1] or f"@p{int(found[2]) + by}", sql) if by else sql
