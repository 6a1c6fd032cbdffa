"""The Export API of Amplitude as a source: whole days of app events."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from asterism.adapters.amplitude.archive import SetAside, unpack
from asterism.adapters.amplitude.events import EVENTS, LINES, PROPERTIES, tables
from asterism.adapters.amplitude.export import Export, Hours
from asterism.declare.source import Amplitude
from asterism.declare.table import Table
from asterism.errors import AgainError, LakeError, SourceError
from asterism.ports.lake import Lake
from asterism.ports.lines import Lines
from asterism.ports.scratch import scratch
from asterism.ports.source import Answer, Batch, Cursor

_READY = timedelta(days=1, hours=2)
"""After its beginning, a day is whole: its last hour is ready two hours after it has ended."""


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class AmplitudeSource:
    """Implements `Source` and `Dated`: the days of `declared`, as tables of the schema `into`.

    Each download is kept in `lake` as it came, under `raw/<into>/export/<day>.zip`, or as several `<day>T<hh>-<hh>.zip`
    where the service had to be asked in parts; it is replaced when the day is asked for again. `set_aside` is told of
    lines that cannot be read. A day passes through temporary files, and never through memory as a whole.

    The cursor is the day that comes next. Nothing is ever deleted: `reconcile` changes nothing.
    """

    def __init__(
        self,
        declared: Amplitude,
        into: str,
        lake: Lake,
        lines: Lines,
        set_aside: SetAside,
        *,
        clock: Callable[[], datetime] = _now,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` says what time it is, naive UTC; `pause` waits for so many seconds."""
        self._start = declared.start
        self._into = into
        self._lake = lake
        self._lines = lines
        self._set_aside = set_aside
        self._clock = clock
        self._export = Export(declared, into, pause)
        self._wary = False
        """Whether lines are looked at for fields that stand twice: the last day could not be landed."""

    def describe(self) -> tuple[Table, ...]:
        """The two tables, which are always the same."""
        return tables(self._into)

    @contextmanager
    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> Iterator[Answer]:  # noqa: ARG002 - of the port
        """The first day that has ended since `cursor`, or nothing: see the port."""
        now = self._clock()
        day = self._first(cursor, now)
        if day > self.last_day():
            yield Answer(now, iter(()), {"next": day.isoformat()}, complete=True)
            return
        following = day + timedelta(days=1)
        complete = following > self.last_day()
        with self._answer(day, {"next": following.isoformat()}, complete=complete) as answer:
            yield answer

    def last_day(self) -> date:
        """The last day whose events are all there."""
        return (self._clock() - _READY).date()

    def day(self, day: date, cursor: Cursor) -> AbstractContextManager[Answer]:
        """One day again: see `Dated`."""
        return self._answer(day, cursor, complete=True)

    def everything(self) -> AbstractContextManager[Answer]:
        """Raises SourceError: there is no snapshot of all days to be had."""
        raise SourceError(
            self._into,
            "Amplitude has no snapshot to compare with",
            f"`asterism backfill {self._into}` reads days again.",
        )

    def estimate(self, cursor: Cursor) -> int | None:  # noqa: ARG002 - of the port
        """None: how many events there are is known when they have been read."""
        return None

    def close(self) -> None:
        """Let go of connections."""
        self._export.close()

    def _first(self, cursor: Cursor, now: datetime) -> date:
        if "next" in cursor:
            return date.fromisoformat(cursor["next"])
        if self._start is None:
            return now.date() - timedelta(days=1)
        try:
            return date.fromisoformat(self._start)
        except ValueError as error:
            fact = f"its start {self._start!r} is not a day"
            raise SourceError(self._into, fact, "Write it as 2026-01-31.") from error

    @contextmanager
    def _answer(self, day: date, cursor: Cursor, *, complete: bool) -> Iterator[Answer]:
        with ExitStack() as stack:
            try:
                yield Answer(self._clock(), self._batches(day, stack), cursor, complete=complete)
            except LakeError as error:
                if self._wary:
                    raise
                self._wary = True
                raise AgainError(self._into, error.fact) from error
            self._wary = False

    def _batches(self, day: date, stack: ExitStack) -> Iterator[Batch]:
        """Nothing is asked for before the first batch is: whoever only looks at an answer costs the service nothing."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch())))
        empty = folder / "none.json"
        empty.touch()
        files = [empty]
        for hours, archive in self._export.download(Hours(day), folder):
            parts = folder / hours.name
            parts.mkdir()
            files += unpack(archive, parts, self._into, self._set_aside, wary=self._wary)
            self._lake.put(f"raw/{self._into}/export/{hours.name}.zip", archive)
            archive.unlink()
        for table, query in zip(self.describe(), (EVENTS, PROPERTIES), strict=True):
            with self._lines.select(files, LINES, query) as rows:
                yield Batch(table, rows)
