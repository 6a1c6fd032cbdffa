"""One deployment of a stage at a time from this machine; Terraform's own lock holds between machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from asterism.errors import LockedError


@contextmanager
def held(folder: Path, verb: str, stage: str, wait: float) -> Iterator[None]:
    """Hold the folder of a stage. Waits `wait` seconds for another that has it, and then raises LockedError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".held", timeout=wait, poll_interval=0.1):
            yield
    except Timeout as error:
        fact = f"another deployment has held {folder} for {wait:g} seconds"
        raise LockedError(f"{verb} of stage {stage}", fact, "Wait for it, or stop it.") from error
