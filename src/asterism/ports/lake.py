"""Lake: an object store. Any store of obstore serves; this says which part of it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Lake(Protocol):
    """Objects under string keys. Raises `LakeError`, with the key. A put is atomic: readers see all or nothing."""

    def put(self, key: str, data: bytes | Path) -> None:
        """Store bytes, or a local file's content, under `key`; what was there is replaced."""
        ...

    def get(self, key: str) -> bytes:
        """An object's content."""
        ...

    def local(self, key: str) -> Path:
        """A local file with the object's content, for reading only: the object itself or a copy of this lake's."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """The keys under `prefix`, in byte order."""
        ...

    def delete(self, prefix: str) -> int:
        """Remove every object under `prefix`, or the one of that very key; answer how many there were."""
        ...
