"""The zip of an export: its members as parts of JSON lines, each line looked at."""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple

import zstandard

from asterism.adapters.amplitude.events import LONGEST, faults
from asterism.errors import SourceError

_CHUNK = 1 << 19
"""Bytes of lines in a part. Their reader takes 2,048 lines of a file at once, and needs ten times what they take."""
_COPY = 1 << 20
_DEPTH = 2
"""Zips within the zip that are opened."""


class Unreadable(NamedTuple):
    """A line that cannot be read: `member` of the export, `line` counted from 1."""

    member: str
    line: int
    reason: str
    body: bytes


SetAside = Callable[[Sequence[Unreadable]], None]


def unpack(archive: Path, folder: Path, name: str, set_aside: SetAside, *, wary: bool = False) -> Iterator[Path]:
    """The lines of a zip in parts, packed files of `folder`, without those that `set_aside` was told of.

    What a member is, its first bytes say: names have been seen to lie. `name` is what errors speak of, `wary` as in
    `faults`. Raises SourceError for a damaged archive.
    """
    numbers = count()
    try:
        for member, stream in _members(archive, folder, numbers, _DEPTH):
            before = 0
            for lines in _chunks(stream):
                bad = {each.line: each for each in faults(lines, wary=wary)}
                if bad:
                    set_aside([Unreadable(member, before + n + 1, each.reason, each.body) for n, each in bad.items()])
                file = folder / f"{next(numbers)}.json.zst"
                file.write_bytes(zstandard.ZstdCompressor(level=1).compress(_without(lines, bad) if bad else lines))
                yield file
                before += lines.count(b"\n")
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(
            name, f"the export is damaged: {error}", "It is asked for again: nothing of it was kept.", transient=True
        ) from error


def _members(archive: Path, folder: Path, numbers: Iterator[int], depth: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of the members that hold something; a zip among them is opened as well."""
    with zipfile.ZipFile(archive) as opened:
        for member in sorted(opened.infolist(), key=lambda each: each.filename):
            with opened.open(member) as stream:
                head = stream.read(4)
                stream.seek(0)
                if head.startswith(b"PK"):
                    if not depth:
                        raise zipfile.BadZipFile(f"{member.filename} is a zip within too many others")
                    copy = folder / f"{next(numbers)}.zip"  # never called what a zip calls it
                    with copy.open("wb") as file:
                        shutil.copyfileobj(stream, file, _COPY)
                    for name, found in _members(copy, folder, numbers, depth - 1):
                        yield f"{member.filename}/{name}", found
                    copy.unlink()
                elif head.startswith(b"\x1f\x8b"):
                    with gzip.open(stream) as lines:
                        yield member.filename, lines  # type: ignore[misc]  # a GzipFile is read as any file
                elif head:
                    yield member.filename, stream


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about a chunk of them. Of a line that is too long, no more than shows that it is."""
    rest = b""
    while part := stream.read(_CHUNK):
        lines, broken, tail = part.rpartition(b"\n")
        if broken:
            yield rest + lines + broken
            rest = tail
        elif len(rest) <= LONGEST:
            rest += part
    if rest:
        yield rest


def _without(lines: bytes, numbers: Collection[int]) -> bytes:
    """Lines without some of them."""
    return b"\n".join([line for place, line in enumerate(lines.split(b"\n")) if place not in numbers])
