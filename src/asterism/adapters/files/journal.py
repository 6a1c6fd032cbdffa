"""Which objects have been read, kept beside the batches: a cursor would be as long as the list of objects.

raw/<source>/_objects/<hash>.json.zst     objects read by a batch, or by many that were folded into one
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import zstandard

from asterism.errors import LakeError
from asterism.ports.lake import Lake

_MOST = 32
"""Entries that a cursor names before they are folded into one."""


GAPS = 1000
"""Lines without rows that are noted of an object: those of an earlier version go."""


class Seen(NamedTuple):
    """A version of an object that has been read, how many lines it had, and those of them that are no rows."""

    etag: str
    lines: int
    gaps: tuple[int, ...] = ()
    """None where they are more than GAPS, or the object was read in parts."""


Objects = dict[str, Seen]
_DECODER = msgspec.json.Decoder(Objects)


class Journal:
    """Immutable entries, named by their content: writing one again, after a crash say, does no harm."""

    def __init__(self, lake: Lake, source: str) -> None:
        self._lake = lake
        self._folder = f"raw/{source}/_objects"
        self._read: tuple[tuple[str, ...], Objects] = ((), {})

    def objects(self, names: Sequence[str]) -> Objects:
        """What was read according to these entries, later ones over earlier ones. Raises LakeError."""
        known, objects = self._read
        count = len(known)
        if tuple(names[:count]) != known:
            count, objects = 0, {}
        found = dict(objects)
        for name in names[count:]:
            key = f"{self._folder}/{name}.json.zst"
            try:
                found |= _DECODER.decode(zstandard.ZstdDecompressor().decompress(self._lake.get(key)))
            except (msgspec.MsgspecError, zstandard.ZstdError) as error:
                fact = f"the list of objects cannot be read: {error}"
                raise LakeError(key, fact, "Restore the object from a backup.") from error
        self._read = (tuple(names), found)
        return dict(found)

    def add(self, names: Sequence[str], objects: Mapping[str, Seen]) -> list[str]:
        """The names of the entries once these objects have been read too."""
        if not objects:
            return [*names]
        if len(names) < _MOST:
            return [*names, self._put(objects)]
        return [self._put(self.objects(names) | dict(objects))]

    def _put(self, objects: Mapping[str, Seen]) -> str:
        content = msgspec.json.encode(objects, order="sorted")
        name = hashlib.sha256(content).hexdigest()[:32]
        self._lake.put(f"{self._folder}/{name}.json.zst", zstandard.ZstdCompressor().compress(content))
        return name
