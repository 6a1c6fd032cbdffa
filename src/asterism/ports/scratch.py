"""Temporary files: a process has one folder for all of its own, so that what it leaves when killed can be found."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "asterism-scratch-"
_LOCK = ".lock"


@functools.cache
def scratch() -> Path:
    """Answer the folder of this process for temporary files, made when first asked for, removed when the process ends.

    Its lock is let go by the operating system when the process dies, however that happens. Folders beside it whose
    lock is free are removed first: their owners were killed.
    """
    _sweep(Path(tempfile.gettempdir()))
    folder, lock = _own()
    atexit.register(_remove, folder, lock)
    return folder


def _own() -> tuple[Path, FileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = FileLock(folder / _LOCK, thread_local=False)
        # Whoever sweeps may find the lock before it is taken here, and removes the folder: then another one is made.
        with suppress(Timeout, OSError):
            lock.acquire(blocking=False)
            if (folder / _LOCK).exists():
                return folder, lock
            lock.release()
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(among: Path) -> None:
    for folder in among.glob(f"{_PREFIX}*"):
        lock = FileLock(folder / _LOCK, thread_local=False)
        with suppress(Timeout, OSError):  # it lives, or belongs to another user
            if (folder / _LOCK).exists():  # else it is being made
                lock.acquire(blocking=False)
                _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
