"""Objects of a store as a source: each version of each object is read once."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from asterism.adapters.files.chunk import all_lines, table
from asterism.adapters.files.journal import GAPS, Journal, Objects, Seen
from asterism.adapters.files.lines import Unreadable
from asterism.adapters.files.notices import named
from asterism.adapters.files.reading import Read, Reading, RowReading, SetAside, TextReading, Tools
from asterism.adapters.files.schema import Field, inferred_field
from asterism.adapters.files.store import Item, Store
from asterism.declare.source import Files
from asterism.declare.table import Table
from asterism.errors import AgainError, AsterismError, LakeError, SourceError
from asterism.ports.lake import Lake
from asterism.ports.lines import Lines
from asterism.ports.parquet import Parquet
from asterism.ports.scratch import scratch
from asterism.ports.source import Answer, Batch, Cursor

_LITTLE = 1 << 20
"""Bytes of objects that end a load by themselves: so little may be read ahead in vain."""
_FIRST = 10_000
"""Lines with which a load begins, at least, where its chunks have so many."""
_GUESS = 100
"""Bytes of an object a row, before any has been read."""


_SAMPLE = 1000
"""Lines from which a description is made."""
_At = tuple[str, str, int]
"""An object that has been read in part: key, version, lines."""


class _Done(NamedTuple):
    """What came of reading: the objects that were read to their end, the one that was not, and bytes of the former."""

    done: Objects
    at: _At | None
    size: int
    whole: bool
    """Whether nothing is left."""


class _Position(msgspec.Struct, omit_defaults=True):
    """What the cursor holds."""

    journal: list[str] = []
    at: _At | None = None
    loading: bool = False
    shrunk: bool = False
    """Whether some object has lost lines whose rows are still there, or has no rows in their place."""
    columns: list[tuple[str, str]] = []
    """Columns that were inferred, and their types."""


class _Chunk(NamedTuple):
    """What was read from a position on, and where it lies."""

    polled_at: datetime
    seen: Objects
    reading: Reading
    read: _Done
    folder: tempfile.TemporaryDirectory[str]
    aside: int
    """Lines that could not be stored."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know."""
        lines = "a line is" if self.aside == 1 else f"{self.aside} lines are"
        return (f"{lines} in quarantine: see `asterism quarantine list`",) if self.aside else ()

    def let_go(self) -> None:
        """Take away what was put down."""
        self.reading.let_go()
        self.folder.cleanup()


class FilesSource:
    """Implements `Source`: the objects of `declared`, as one table of the schema `into`.

    An object is known by its key and etag, and found by listing; what has been read is noted in `lake`, beside the
    batches. `set_aside` is told of lines that cannot be stored. A chunk passes through temporary files, never through
    memory as a whole, and while it is landed, a thread reads the next one of a load. An object that was removed leaves
    its rows; one that was replaced replaces them.
    """

    def __init__(
        self,
        declared: Files,
        into: str,
        lake: Lake,
        lines: Lines,
        parquet: Parquet,
        set_aside: SetAside,
        *,
        store: Store | None = None,
        relist: timedelta = timedelta(0),
    ) -> None:
        """`relist` is how long notifications may stand in for a listing."""
        self._declared = declared
        self._into = into
        self._lines = lines
        self._set_aside = set_aside
        self._journal = Journal(lake, into)
        self._store = store or Store(declared.url, declared.pattern, into)
        self._parquet = parquet
        self._relist = relist.total_seconds()
        self._list_at = 0.0
        """When the store has to be listed again, by the clock of `monotonic`."""
        self._told: dict[str, None] = {}
        """Objects that are new, as notifications tell."""
        self._left: Reading | None = None
        """What read the last chunk: the next one goes on with the object that it has open."""
        self._weight: float | None = None
        """Bytes of an object a line, as far as they have been read."""
        self._anew = False
        """Whether lines are written anew before DuckDB reads them: as they came some could not be landed.

        An object may hold a name twice, which DuckDB refuses.
        """
        self._thread: ThreadPoolExecutor | None = None
        self._next: tuple[_Position, Future[_Chunk]] | None = None
        """What is read ahead, and from where on."""

    def describe(self) -> tuple[Table, ...]:
        """The table, with columns as they are declared, or as the first objects have them."""
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            reading = self._reading(Path(folder), (), _forget)
            for item in () if reading.columns else self._store.items():
                reading.take(item, 0, _SAMPLE)
                if reading.columns:
                    break
            reading.close()
        if not reading.columns:
            fact = f"{self._declared.url} has no object to learn columns from"
            raise SourceError(self._into, fact, "Declare a record, or put an object there first.")
        return (self._table(reading),)

    @contextmanager
    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> Iterator[Answer]:  # noqa: ARG002 - of the port
        """New and changed objects, the oldest first, and no more than a chunk: see the port."""
        position = msgspec.convert(cursor, _Position)
        chunk = self._ahead(position) or self._chunk(position)
        with ExitStack() as stack:
            stack.callback(chunk.let_go)
            reading, read, seen = chunk.reading, chunk.read, chunk.seen
            is_load = position.loading or not cursor
            complete = read.whole and not (is_load and read.size > _LITTLE)
            shrunk = position.shrunk or (not self._declared.key and _has_shrunk(seen, position.at, read))
            following = _Position(
                journal=self._journal.add(position.journal, read.done),
                at=read.at,
                loading=not complete,
                shrunk=shrunk and not complete,
                columns=[(each.name, each.type) for each in reading.inferred],
            )
            if not read.whole:
                self._read_ahead(following)
            # Rows of lines that are no more go when all objects have been read, by what is known of the others.
            known = seen | read.done if shrunk and complete else None
            idle = bool(cursor) and not reading.seen and known is None
            batches = iter(()) if idle else self._batches(reading, Path(chunk.folder.name), known, stack)
            try:
                yield Answer(chunk.polled_at, batches, msgspec.to_builtins(following), complete, chunk.notices)
            except LakeError as error:
                self._anew = not self._anew
                if not self._anew:  # it is not the lines that cannot be landed
                    raise
                raise AgainError(self._into, error.fact) from error

    @contextmanager
    def everything(self) -> Iterator[Answer]:
        """Every object there is now. They pass through temporary files, which hold all of them."""
        now = datetime.now(UTC).replace(tzinfo=None)
        with tempfile.TemporaryDirectory(dir=scratch()) as name, ExitStack() as stack:
            reading = self._reading(Path(name), (), _forget, anew=True)
            stack.callback(reading.close)
            for item in self._store.items():
                reading.take(item, 0, sys.maxsize)
            yield Answer(now, self._batches(reading, Path(name), None, stack), {}, complete=True)

    def told(self, notice: bytes) -> bool:
        """See `Notified.told`. Of a notification that is lost, the next listing makes up."""
        found = {self._store.within(*each): None for each in named(notice)}
        found.pop(None, None)
        self._told |= {key: None for key in found if key is not None}
        return bool(found)

    def estimate(self, cursor: Cursor) -> int | None:
        """About how many rows are left of a load, going by the bytes of their objects."""
        position = msgspec.convert(cursor, _Position)
        if cursor and not position.loading:
            return None
        pending = self._pending(self._journal.objects(position.journal), position)
        return round(sum(item.size for item in pending) / (self._weight or _GUESS))

    def close(self) -> None:
        """Let go of what is open. Repeating it does nothing."""
        self._drop_ahead()
        if self._thread is not None:
            self._thread.shutdown()
        if self._left is not None:
            self._left.close()
            self._left = None

    def _chunk(self, position: _Position) -> _Chunk:
        """Read what follows a position, up to a chunk."""
        now, aside = datetime.now(UTC).replace(tzinfo=None), list[int]()

        def set_aside(unreadable: Sequence[Unreadable]) -> None:
            aside.append(len(unreadable))
            self._set_aside(unreadable)

        seen = self._journal.objects(position.journal)
        pending = self._pending(seen, position)
        with ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(dir=scratch())
            stack.callback(folder.cleanup)
            columns = [inferred_field(*each) for each in position.columns]
            reading = self._reading(Path(folder.name), columns, set_aside)
            stack.callback(reading.let_go)
            reading.go_on_with(self._left)
            self._left = reading
            most = self._declared.chunk_rows
            if not position.journal and position.at is None:  # there is something to be landed soon
                most = min(most, max(most // 4, _FIRST))
            read = self._read(reading, pending, position.at, most)
            stack.pop_all()
        return _Chunk(now, seen, reading, read, folder, sum(aside))

    def _read_ahead(self, position: _Position) -> None:
        """Begin to read what follows a position. Not of Parquet: what is landed is in files that the next one takes."""
        if self._declared.format == "parquet":
            return
        self._thread = self._thread or ThreadPoolExecutor(1, f"read-{self._into}")
        self._next = position, self._thread.submit(self._chunk, position)

    def _ahead(self, position: _Position) -> _Chunk | None:
        """What has been read ahead from a position on, None where that was another one. Raises what was met there."""
        if self._next is None or self._next[0] != position:
            self._drop_ahead()
            return None
        (_, future), self._next = self._next, None
        return future.result()

    def _drop_ahead(self) -> None:
        ahead, self._next = self._next, None
        if ahead is not None:
            with suppress(AsterismError):  # whoever reads it again meets it again
                ahead[1].result().let_go()

    def _reading(self, folder: Path, inferred: Sequence[Field], set_aside: SetAside, *, anew: bool = False) -> Reading:
        anew = anew or self._anew
        tools = Tools(self._declared, self._store, self._lines, self._parquet, set_aside, folder, anew)
        return RowReading(tools, inferred) if self._declared.format == "parquet" else TextReading(tools, inferred)

    def _pending(self, seen: Objects, position: _Position) -> list[Item]:
        """What is to be read, beginning with what has been read in part."""
        begun = position.at[:2] if position.at else None
        return sorted(self._found(seen, position), key=lambda item: item[:2] != begun)

    def _found(self, seen: Objects, position: _Position) -> list[Item]:
        """New versions of objects, among all there are, or, between two listings, among those that are notified."""
        now = time.monotonic()
        is_told = self._told and now < self._list_at and position.at is None and not position.loading
        items = self._store.look(self._told) if is_told else self._store.items()
        found = [item for item in items if item.key not in seen or seen[item.key].etag != item.etag]
        # Those that are read now are looked at once more, and let go of where that has been committed.
        self._told = {item.key: None for item in found} if is_told else {}
        self._list_at = self._list_at if is_told else now + self._relist
        return found

    def _read(self, reading: Reading, pending: Sequence[Item], begun: _At | None, most: int) -> _Done:
        """Read up to so many lines."""
        done: Objects = {}
        size = 0
        for item in pending:
            room = most - reading.seen
            if room <= 0:
                return _Done(done, None, size, whole=False)
            first = begun[2] if begun is not None and begun[:2] == item[:2] else 0
            read = reading.take(item, first, room)
            if read is Read.PART:
                return _Done(done, (item.key, item.etag, reading.line), size, whole=False)
            if read is Read.WHOLE:  # one that changed meanwhile is found by the next listing
                gaps = tuple(reading.gaps) if not first and len(reading.gaps) <= GAPS else ()
                done[item.key] = Seen(item.etag, reading.line, gaps)
                size += item.size
                self._weight = size / max(reading.seen, 1)
        return _Done(done, None, size, whole=True)

    def _batches(self, reading: Reading, folder: Path, known: Objects | None, stack: ExitStack) -> Iterator[Batch]:
        if reading.columns is None:
            return
        rows = stack.enter_context(reading.select())
        keys = None
        if known is not None:
            keys = stack.enter_context(all_lines(self._lines, folder, known))
        yield Batch(self._table(reading), rows, keys)

    def _table(self, reading: Reading) -> Table:
        return table(f"{self._into}.{self._declared.table}", reading.columns or (), tuple(self._declared.key))


def _has_shrunk(seen: Objects, begun: _At | None, read: _Done) -> bool:
    """Whether rows may stand of lines that are no more: an object has fewer, or was replaced when half read."""
    if begun is not None and (read.at is None or read.at[:2] != begun[:2]):
        finished = read.done.get(begun[0])
        if finished is None or finished.etag != begun[1]:
            return True
    return any(key in seen and _leaves_rows(seen[key], each) for key, each in read.done.items())


def _leaves_rows(old: Seen, new: Seen) -> bool:
    return old.lines > new.lines or any(line <= old.lines and line not in old.gaps for line in new.gaps)


def _forget(_unreadable: Sequence[Unreadable]) -> None:
    """For who only looks: what cannot be stored is set aside when it is pulled."""
