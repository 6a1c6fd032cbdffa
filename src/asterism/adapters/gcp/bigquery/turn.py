"""Turns: one process at a time changes a dataset, and what one that died has left half done is undone.

BigQuery has no locks, and what a session that nobody ends has begun to change is refused to everybody else for a day.
It has descriptions of tables, though, which are replaced only for those who name the last one's ETag: free, and at
once. That of `_turn` says whose turn it is, in which session, and which tables were changed outside of its transaction.
https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/patch
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any
from uuid import uuid4

from asterism.adapters.gcp.bigquery.service import Service
from asterism.errors import EngineError, LockedError

TABLE, DONE = "_turn", "_done"
"""Whose turn it is; and the transactions that were committed with tables changed outside of them."""
PATIENCE = 60.0
"""Seconds to wait for another's turn to end. Whoever has not been heard of for as long is taken for dead."""
_PAUSE, _BEATS = 0.5, 4
"""Seconds between looks; how often a process says that it is alive, in the time for which others are patient."""
_REMEDY = "Wait for it, or stop it: one Asterism at a time works on a stage."


@dataclass(frozen=True, slots=True)
class Note:
    """What the description says. Without a holder, it is nobody's turn."""

    holder: str = ""
    process: str = ""
    """For people to read."""
    place: str = ""
    """Where `pid` means this process; empty where that cannot be told."""
    pid: int = 0
    session: str = ""
    transaction: str = ""
    undo: tuple[str, ...] = ()
    """Tables that were changed: the n-th is kept as it was in `copy_of(transaction, n)`."""
    beat: int = 0


def copy_of(transaction: str, number: int) -> str:
    """The name under which a table is kept as it was."""
    return f"_undo_{transaction}_{number}"


def _place() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


class Turn:
    """The turns of one process at one dataset. Used by one thread, and by one of its own that says it is alive."""

    def __init__(self, service: Service, patience: float = PATIENCE) -> None:
        self._service = service
        self._patience = patience
        self._me = Note(uuid4().hex, f"process {os.getpid()} on {socket.gethostname()}", _place(), os.getpid())
        self._note, self._etag = Note(), ""
        self._lock, self._over = RLock(), Event()
        self._heart: Thread | None = None

    @property
    def taken(self) -> bool:
        """Whether it is ours."""
        return bool(self._note.holder)

    def settle(self) -> None:
        """Undo what one that is dead has left behind, where that may be done; wait for nobody."""
        with suppress(EngineError):
            if (found := self._look()) is not None:
                note, etag, silent = found
                if self._is_dead(note, silent):
                    self._inherit(note, etag)

    def wait(self) -> None:
        """Return when it is nobody's turn. Raises LockedError when another's has not ended within the patience."""
        until = time.monotonic() + self._patience
        while True:
            found = self._look()
            if found is None:
                self._service.make(TABLE, "nothing")
                continue
            note, self._etag, silent = found
            if not note.holder:
                return
            if self._is_dead(note, silent):
                self._inherit(note, self._etag)
            elif time.monotonic() > until:
                raise LockedError(self._service.name, f"{note.process} works in it", _REMEDY)
            else:
                time.sleep(_PAUSE)

    def take(self, session: str | None) -> None:
        """Have the turn, before the first change. Raises LockedError where another has had it since `wait`."""
        if self.taken:
            return
        self._write(replace(self._me, session=session or "", transaction=uuid4().hex))
        self._over.clear()
        self._heart = Thread(target=self._beat, name="turn", daemon=True)
        self._heart.start()

    def tell(self, session: str) -> None:
        """Say in which session the transaction goes on, where it is our turn."""
        if self.taken:
            self._write(replace(self._note, session=session))

    def keep(self, name: str, schema: Mapping[str, Any]) -> str:
        """Keep a table of this schema as it is, before it is changed; answer the copy's name."""
        if not self._note.undo:
            self._service.make(DONE, "transaction")
        copy = copy_of(self._note.transaction, len(self._note.undo))
        self._service.clone(name, copy, schema)
        self._write(replace(self._note, undo=(*self._note.undo, name)))
        return copy

    @property
    def mark(self) -> str | None:
        """What a transaction has to say with its commit, so that nobody undoes what was changed outside of it."""
        return f"INSERT INTO `{DONE}` VALUES ('{self._note.transaction}')" if self._note.undo else None

    def lost(self) -> bool | None:
        """Whether another has taken over; None where that cannot be told."""
        try:
            found = self._look()
        except EngineError:
            return None
        return found is None or found[0].holder != self._me.holder

    def abandon(self) -> None:
        """Leave it as one does that dies: the next one, this one too, finds out how it ended."""
        self._stop()
        self._note = Note()

    def end(self) -> None:
        """Let the turn go, and what was kept."""
        if not self.taken:
            return
        self._stop()
        ended, self._note = self._note, Note()
        with suppress(EngineError, LockedError):  # whoever waits sees that nobody is there any more
            self._write(Note())
            self._drop(ended)

    def _beat(self) -> None:
        while not self._over.wait(self._patience / _BEATS):
            with suppress(EngineError, LockedError), self._lock:
                if not self._over.is_set():
                    self._write(replace(self._note, beat=self._note.beat + 1))

    def _stop(self) -> None:
        with self._lock:
            self._over.set()
        if self._heart is not None:
            self._heart.join()
            self._heart = None

    def _look(self) -> tuple[Note, str, float] | None:
        """What is said, its ETag, and for how many seconds that has been so; None where there is no such table."""
        found = self._service.table(TABLE)
        if found is None:
            return None
        said = json.loads(found.get("description") or "{}")
        note = Note(**said | {"undo": tuple(said.get("undo", ()))})
        return note, found["etag"], time.time() - int(found["lastModifiedTime"]) / 1000

    def _is_dead(self, note: Note, silent: float) -> bool:
        """Whether a holder is taken for dead: if it lives, it fails, for its session is ended."""
        if not note.holder:
            return False
        if note.holder == self._me.holder or silent > self._patience:
            return True
        if not note.place or note.place != self._me.place:
            return False
        try:
            os.kill(note.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def _inherit(self, note: Note, etag: str) -> None:
        """Take the place of one that is dead: end its session, and undo what did not come to its commit."""
        self._etag = etag
        try:
            self._write(replace(self._me, session=note.session, transaction=note.transaction, undo=note.undo))
        except LockedError:
            return  # another was quicker
        if note.session:
            with suppress(EngineError):  # it has ended by itself
                self._service.query("CALL BQ.ABORT_SESSION()", session=note.session)
        done = f"SELECT 1 FROM `{DONE}` WHERE `transaction` = @p1"
        if note.undo and not self._service.query(done, [note.transaction]).get("rows"):
            for number, name in reversed([*enumerate(note.undo)]):
                self._service.restore(name, copy_of(note.transaction, number))
        self._write(Note())
        self._drop(note)

    def _drop(self, note: Note) -> None:
        for number in range(len(note.undo)):
            with suppress(EngineError):  # it goes by itself
                self._service.query(f"DROP TABLE IF EXISTS `{copy_of(note.transaction, number)}`")

    def _write(self, note: Note) -> None:
        """Say something else, if nobody else has since. Raises LockedError where somebody has."""
        said = json.dumps(asdict(note)) if note.holder else ""
        with self._lock:
            told = self._service.describe(TABLE, said, self._etag)
            if told is None:
                raise LockedError(self._service.name, "another process works in it", _REMEDY)
            self._note, self._etag = note, told
