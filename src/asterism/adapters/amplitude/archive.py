"""The zip of an export: its members as files of JSON lines, each line looked at."""

from __future__ import annotations

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple

from asterism.adapters.amplitude.events import LONGEST, Fault, faults
from asterism.errors import SourceError

_CHUNK = 1 << 20
_DEPTH = 2
"""Zips within the zip that are opened."""


class Unreadable(NamedTuple):
    """A line that cannot be read: `member` of the export, `line` counted from 1."""

    member: str
    line: int
    reason: str
    body: bytes


SetAside = Callable[[Sequence[Unreadable]], None]


def unpack(archive: Path, folder: Path, name: str, set_aside: SetAside) -> list[Path]:
    """The files of JSON lines in a zip, written to `folder` without the lines that `set_aside` was told of.

    What a member is, its first bytes say: names have been seen to lie. `name` is what errors speak of. Raises
    SourceError for a damaged archive.
    """
    found = []
    numbers = count()
    try:
        for member, file in _members(archive, folder, numbers, _DEPTH):
            bad = []
            for chunk in _faults(file):
                set_aside([Unreadable(member, each.line + 1, each.reason, each.body) for each in chunk])
                bad += [each.line for each in chunk]
            found.append(_without(file, bad) if bad else file)
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(
            name, f"the export is damaged: {error}", "It is asked for again: nothing of it was kept.", transient=True
        ) from error
    return found


def _members(archive: Path, folder: Path, numbers: Iterator[int], depth: int) -> Iterator[tuple[str, Path]]:
    """Names and copies of the members that hold something; copies are never called what a zip calls them."""
    with zipfile.ZipFile(archive) as opened:
        for member in sorted(opened.infolist(), key=lambda each: each.filename):
            with opened.open(member) as stream:
                head = stream.read(4)
                if not head:
                    continue
                is_zip, is_gzip = head.startswith(b"PK"), head.startswith(b"\x1f\x8b")
                suffix = ".zip" if is_zip else ".json.gz" if is_gzip else ".json"
                file = folder / f"{next(numbers)}{suffix}"
                with file.open("wb") as copy:
                    copy.write(head)
                    shutil.copyfileobj(stream, copy, _CHUNK)
            if not is_zip:
                yield member.filename, file
            elif depth:
                yield from (
                    (f"{member.filename}/{name}", found) for name, found in _members(file, folder, numbers, depth - 1)
                )
                file.unlink()
            else:
                raise zipfile.BadZipFile(f"{member.filename} is a zip within too many others")


def _open(file: Path, mode: str = "rb") -> IO[bytes]:
    if file.suffix == ".gz":
        return gzip.open(file, mode, 1)  # type: ignore[return-value]  # a GzipFile is read and written as any file
    return file.open(mode)


def _faults(file: Path) -> Iterator[list[Fault]]:
    """The lines of a file that cannot be read, a chunk at a time; their numbers count from 0 in the whole file."""
    before = 0
    for lines in _chunks(file):
        bad = [each._replace(line=each.line + before) for each in faults(lines)]
        if bad:
            yield bad
        before += lines.count(b"\n")


def _chunks(file: Path) -> Iterator[bytes]:
    """Whole lines, about a chunk of them. Of a line that is too long, no more than shows that it is."""
    with _open(file) as stream:
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


def _without(file: Path, numbers: Sequence[int]) -> Path:
    """A copy of a file without some of its lines."""
    kept, left_out, number = file.with_name(f"kept-{file.name}"), {*numbers}, 0
    with _open(kept, "wb") as copy:
        for lines in _chunks(file):
            each = lines.split(b"\n")
            copy.write(b"\n".join([line for place, line in enumerate(each, number) if place not in left_out]) + b"\n")
            number += len(each) - 1
    file.unlink()
    return kept
