"""Questions that a `run` answers beside its work: they wait for no turn at the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from asterism.cli.desk import Desk
from asterism.project.load import Project

if TYPE_CHECKING:
    from asterism.ports.reader import Reader
    from asterism.run.ask import Asking
    from asterism.run.control import Caller

VERBS = frozenset({"ask", "query"})
LOOKING = frozenset({"alerts", "catalog", "check", "describe", "overview", "runs", "status", "verify"})
"""Other verbs of `run` that change nothing, so that answers stay as they are."""


class Questions:
    """Used by many threads. `turn` is taken only to open a connection."""

    def __init__(self, desk: Desk, turn: Callable[[], AbstractContextManager[None]]) -> None:
        self._desk = desk
        self._turn = turn

    def serve(self, verb: str, arguments: Mapping[str, Any], caller: Caller) -> Any:
        """`ask`: a Wish, to a Reply or Refusal with its body. `query`: see `verbs/query.py`."""
        from asterism.run.control import Attached
        from asterism.run.wish import Wish

        if verb == "query":
            return self._asking.table(arguments["question"], arguments["values"], caller.gone)
        reply, body = self._asking.ask(msgspec.convert(arguments, Wish), caller.gone)
        return Attached(msgspec.to_builtins(reply), body)

    def adopt(self, project: Project) -> None:
        """Go on with the same project after its files were edited."""
        from asterism.run.ask import Book

        self._asking.book = Book(project)

    def changed(self) -> None:
        """Say that data may have changed without a refresh."""
        self._asking.changed()

    @cached_property
    def _asking(self) -> Asking:
        from asterism.run.ask import Asking, Book

        project = self._desk.project
        folder = Path(project.stage.state) / "answers"
        return Asking(self._open, self._desk.wiring.sheets(), folder, Book(project))

    def _open(self) -> Reader:
        with self._turn():
            return self._desk.warehouse.engine.reader()
