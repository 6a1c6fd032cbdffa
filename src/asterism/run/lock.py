"""One process at a time works on a stage; whoever waits is told for whom."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from asterism.declare.stage import Stage
from asterism.errors import LockedError


class StageLock:
    """A lock in the stage's state folder, let go by the operating system when its holder dies, however that happens.

    It holds on this machine only. Entering it waits `wait` seconds and then raises LockedError, naming the holder.
    """

    def __init__(self, stage: Stage, verb: str, *, wait: float) -> None:
        self._stage = stage
        self._verb = verb
        self._wait = wait
        self._folder = Path(stage.state)
        self._note = self._folder / "holder.json"

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._folder / "lock")
            self._lock.acquire(timeout=self._wait, poll_interval=0.02)
        except Timeout:
            raise self._held() from None
        except OSError as error:
            fact = f"its folder for locks, {self._folder}, cannot be written: {error.strerror or error}"
            raise LockedError(
                f"stage {self._stage.name}", fact, "Make the folder writable, on a local disk."
            ) from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # on a full disk nobody learns who holds the lock, and it holds all the same
            self._note.write_text(json.dumps({"pid": os.getpid(), "verb": self._verb, "since": since}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def _held(self) -> LockedError:
        try:
            note = json.loads(self._note.read_text())
            holder = f"`asterism {note['verb']}`, process {note['pid']}, holds it since {note['since']}"
            remedy = f"Wait for it, or stop it with `kill {note['pid']}`."
        except (OSError, ValueError, KeyError):
            holder, remedy = "another process holds it", "Wait for it, or stop it."
        return LockedError(f"stage {self._stage.name}", holder, remedy)
