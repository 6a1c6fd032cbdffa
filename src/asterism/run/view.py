"""View: a worker that folds the records of a stream into the states of one live view."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Event
from traceback import extract_tb
from typing import Any, NamedTuple
from uuid import uuid4

from asterism.declare.storing import Storing
from asterism.declare.view import View
from asterism.errors import AsterismError, LogError, StateError, ViewError, printable
from asterism.ports.events import Events
from asterism.ports.log import Log, Logged, Offsets
from asterism.ports.state import Kept, State
from asterism.ports.tracer import Tracer
from asterism.run.fold import Address, Failure, Fold, Folded, Item, Placed
from asterism.run.ledger import now
from asterism.run.lineage import append_made
from asterism.run.quarantine import Refused, set_aside
from asterism.run.records import Admitted, Shape
from asterism.run.seen import NOTE, REDELIVERED, Seen, handed_on
from asterism.run.store import Beside, beside
from asterism.run.trace import SILENT

MOST_RECORDS, _FIRST_RECORDS = 5_000, 100
"""In one step, and in one commit; and in the first of them."""
_SECONDS = 0.5
"""That a step takes about: of a slow fold fewer records, so that its states live, and it can be stopped."""
WRITER = "warehouse"
"""The consumer that a view with `after` waits for."""
_CLAIMS = 5
_GLANCE, _WAIT = 0.01, 0.5
_PACE = 0.005
"""Seconds between the beginnings of two steps: under load, what comes meanwhile is one commit."""
_TELL_EVERY = 0.2
"""Seconds between two words to the log, which has but one writer at a time."""
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


def consumer(view: str) -> str:
    """The name under which a view reads the log."""
    return f"view:{view}"


def skip(state: State, view: View, record_id: str) -> None:
    """Have a view pass over a record, whether it stands still at it or meets it later. Raises StateError.

    A worker that runs is fenced off for a moment, claims the view again and goes on.
    """
    for again in reversed(range(_CLAIMS)):
        header = state.claim(view.name)
        note = {**header.note, "skip": sorted({*header.note.get("skip", ()), record_id})}
        if note.get("stopped", {}).get("id") == record_id:
            del note["stopped"]
        try:
            state.put(view.name, header.epoch, (), header.offsets, note)
        except StateError as error:
            if not (error.fenced and again):  # else the worker claimed it just now
                raise
        else:
            return


def worker(
    view: View, log: Log, state: State, storings: Sequence[Storing] = (), events: Events | None = None
) -> ViewWorker:
    """The worker of a view, on a stage that stores those streams in `events`."""
    return ViewWorker(view, Shape(view.stream), log, state, beside(view, storings, events))


class _Batch(NamedTuple):
    """Records that were folded, and what became of them."""

    records: Sequence[Logged]
    placed: Placed
    kept: Mapping[Address, Kept]
    folded: Folded


class ViewWorker:
    """One live view at work. Used by one thread at a time.

    Delivery: each record is folded in once. How far the stream was folded in is kept in the commit of the states
    themselves; dying anywhere, reading records again and being taken over by another worker change nothing.

    The view's note holds: `owner`, who works on it; `of`, the stream, key and window of its states; `watermarks` of
    windows; `skip`, ids to pass over, and `skipped`, how many were; `late`, how many were set aside; `stopped`, the
    record at which the view stands still, and why.
    """

    def __init__(self, view: View, shape: Shape, log: Log, state: State, besides: Beside | None = None) -> None:
        """`besides`: where the view writes what each record left; None: nowhere."""
        self.view = view
        self.is_waiting = False
        """Whether the last reading brought records that it may not fold yet."""
        self.tracer: Tracer = SILENT
        self.offsets: Offsets = {}
        self.note: dict[str, Any] = {}
        self._name, self._stream = view.name, view.stream.name
        self._log, self._state = log, state
        self._fold = Fold(view, shape)
        self._beside = besides
        self._seen = self._seeing(self._name)
        waits = view.after is not None and not log.numbered
        self._read_from = handed_on(self._stream) if waits else self._stream
        self._owner = uuid4().hex
        window = view.window
        by = None if window is None else [window.time, str(window.size), str(window.hop)]
        self._of = [view.stream.name, view.key, by]
        self._epoch = 0
        """That of its claim; 0: it has none that it may trust."""
        self._is_settled = False
        self._most = _FIRST_RECORDS
        self._told: Offsets = {}
        self._tell_at = 0.0

    def claim(self) -> None:
        """Become the view's only worker, and begin where its states stand. Raises StateError, LogError."""
        header = self._state.claim(self._name)
        self._epoch, self.offsets, self.note = header.epoch, header.offsets, dict(header.note)
        if self._seen is not None:
            self._seen.claim(self.note)
        if self.note.get("of", self._of) != self._of:
            self._refuse_another()
        if self.note.get("owner") != self._owner:
            note = {name: value for name, value in self.note.items() if name != "stopped" or value["id"]}
            self._put((), self.offsets, {**note, "owner": self._owner, "of": self._of})
        self._is_settled = True
        self._tell()

    def _refuse_another(self) -> None:
        """Stand still before states of another key, window or stream: what is folded now would be mixed with them."""
        fact = "it has another key, window or stream than what it has counted so far"
        error = {"type": "ViewError", "message": fact, "line": ""}
        if self.note.get("stopped", {}).get("error") != error:
            stopped = {"id": "", "partition": "", "position": 0, "error": error, "since": now().isoformat()}
            self._put((), self.offsets, {**self.note, "stopped": stopped})
        self._epoch = 0
        remedy = f"`asterism view rebuild {self.view.name}` counts everything anew; or change it back."
        raise ViewError(f"view {self.view.name}", fact, remedy)

    def step(self, wait: float) -> int:
        """Fold in what has come, waiting for it so many seconds; answer how many records. Claims the view where due.

        Raises ViewError where the view stands still, after what came before is kept: a further step tries that record
        again. Raises LogError and StateError, `fenced` where the view was taken over: a further step takes it back.
        """
        if not self._epoch:
            self.claim()
        records = self._read(wait)
        if records:
            began = time.monotonic()
            count = self._folded(records)
            seconds = time.monotonic() - began
            slow = seconds > _SECONDS
            self._most = max(1, int(count * _SECONDS / seconds)) if slow else min(2 * self._most, MOST_RECORDS)
            return count
        self._tell()
        if self._state.watch(self._name, 0, limit=0)[0].epoch != self._epoch:
            self._epoch = 0  # it was rebuilt, or a record is to be skipped: nothing to put would tell
        return 0

    def take(self, records: Sequence[Logged]) -> int:
        """As `step`, of records that were read elsewhere; those that the states already hold are passed over."""
        if not self._epoch:
            self.claim()
        fresh = self._fresh(records)
        if not fresh:
            return 0
        if self._stored(fresh) < len(fresh):
            raise StateError(f"view {self._name}", "its records are not in the event store yet", "It is tried again.")
        return self._folded(fresh)

    def _folded(self, records: Sequence[Logged]) -> int:
        fresh = self._fresh(records)
        if not fresh:
            return 0
        with self.tracer.span("fold", self._name) as span:
            count = self._take(fresh)
            span.note(rows=count)
        return count

    def _take(self, fresh: list[Logged]) -> int:
        again = self._seen.again(fresh) if self._seen is not None else frozenset()
        failure: tuple[Logged, BaseException] | None = None
        batch = self._attempt(fresh, again)
        while isinstance(batch, Failure):  # states are made anew up to there, whatever the fold did to them in place
            failure, fresh = (fresh[batch.nth], batch.error), fresh[: batch.nth]
            again = frozenset(index for index in again if index < len(fresh))
            batch = self._attempt(fresh, again)
        self._keep(batch, failure, again)
        self._tell()
        if failure is not None:
            self._epoch = 0  # the next step sees what was told to be skipped meanwhile
            raise self._error(*failure)
        return len(batch.records)

    def run(
        self, stop: Event, on_error: Callable[[AsterismError], None], on_well: Callable[[], None] = lambda: None
    ) -> None:
        """Work until `stop` is set or another worker takes the view over. A trouble is told once, and tried again.

        `on_well` is called when a trouble that was told is over.
        """
        delay, told = _FIRST_DELAY, ""
        while not stop.is_set():
            try:
                if not self._epoch and self._is_taken():
                    return
                began = time.monotonic()
                self.step(_WAIT)
                if told:
                    on_well()
                delay, told = _FIRST_DELAY, ""
                stop.wait(max(0.0, began + _PACE - time.monotonic()))
            except (LogError, StateError, ViewError) as error:
                fenced = isinstance(error, StateError) and error.fenced
                if not fenced and str(error) != told:
                    told = str(error)
                    on_error(error)
                stop.wait(delay)
                delay = min(delay * 2, _LONGEST_DELAY)
        self._tell_at = 0.0
        with suppress(LogError):  # it is told again when the view is next claimed
            self._tell()

    def _is_taken(self) -> bool:
        """Whether another worker has the view. Skipping a record and rebuilding fence as well, but leave the owner."""
        return self._is_settled and self._state.watch(self._name, 0, limit=0)[0].note.get("owner") != self._owner

    def _read(self, wait: float) -> list[Logged]:
        until = time.monotonic() + wait
        records = self._log.read(self._read_from, consumer(self.view.name), self.offsets, self._most, wait)
        waits = (self.view.after is not None and self._log.numbered) or self._beside is not None
        while records and waits:
            found = self._standing(records)
            self.is_waiting = not found
            if found or time.monotonic() >= until:
                return found
            time.sleep(_GLANCE)
        self.is_waiting = False
        return records

    def _standing(self, records: list[Logged]) -> list[Logged]:
        """Those that stand where they must before they are folded: in the table, in the event store."""
        if self.view.after is not None and self._log.numbered:
            written = self._log.standing(self._stream).committed.get(WRITER, {})
            records = [each for each in records if each.position <= written.get(each.partition, -1)]
        return records[: self._stored(records)]

    def _stored(self, records: Sequence[Logged]) -> int:
        """How many of these, from the first on, need be waited for no longer.

        One that is folded in already and comes again may have no row any more: it was erased.
        """
        if self._beside is None:
            return len(records)
        numbered = self._log.numbered
        found = self._beside.standing(records, numbered=numbered)
        if found == len(records) or self._seen is None:
            return found
        return self._beside.standing(records, self._seen.again(records), numbered=numbered)

    def _seeing(self, name: str) -> Seen | None:
        """What is to know the ids, where the log does not."""
        dedupe = self.view.stream.dedupe
        window = dedupe if self._log.numbered else max(dedupe, REDELIVERED)
        return None if self._log.dedupes else Seen(name, window, self._state)

    def _fresh(self, records: Sequence[Logged]) -> list[Logged]:
        if not self._log.numbered:
            return [*records]
        reached = dict(self.offsets)
        fresh = []
        for each in records:
            if each.position > reached.get(each.partition, -1):
                reached[each.partition] = each.position
                fresh.append(each)
        return fresh

    def _attempt(self, records: Sequence[Logged], again: frozenset[int]) -> _Batch | Failure:
        skip, watermarks = frozenset(self.note.get("skip", ())), self.note.get("watermarks", {})
        placed = self._fold.place(records, skip, watermarks, again)
        if isinstance(placed, Failure):
            return placed
        kept = self._state.get(self._name, {each.address for each in placed.items})
        placed.items = self._unfolded(placed.items, records, kept)
        folded = self._fold.fold(placed.items, kept)
        return folded if isinstance(folded, Failure) else _Batch(records, placed, kept, folded)

    def _unfolded(self, items: list[Item], records: Sequence[Logged], kept: Mapping[Address, Kept]) -> list[Item]:
        """Those that the states do not hold: a store without transactions may have kept states and no offsets."""
        ahead = {name: each for name, each in kept.items() if each.position > self.offsets.get(each.partition, -1)}
        if not ahead or not self._log.numbered:
            return items

        def is_held(item: Item) -> bool:
            state, record = ahead.get(item.address), records[item.nth]
            return state is not None and state.partition == record.partition and record.position <= state.position

        return [each for each in items if not is_held(each)]

    def _keep(self, batch: _Batch, failure: tuple[Logged, BaseException] | None, again: frozenset[int]) -> None:
        """Put what a batch made, in one commit. What is set aside or told comes before it: twice is once there."""
        note = self._noted(batch, failure)
        if not batch.records and note == self.note:
            return
        self._set_aside(batch.placed.aside)
        self._append([(batch.records[nth], made) for nth, made in batch.folded.told])
        self._write_beside([(batch.records[nth], value) for nth, value in batch.folded.left])
        last = {item.address: batch.records[item.nth] for item in batch.placed.items}
        changed = []
        for address, value in batch.folded.states.items():
            before, record = batch.kept.get(address), last[address]
            if before is None or before.value != value:
                changed.append(Kept(address[0], value, record.partition, record.position, address[1]))
        new = [each for nth, each in enumerate(batch.records) if nth not in again]
        self._put(changed, {**self.offsets, **{each.partition: each.position for each in batch.records}}, note, new)

    def _noted(self, batch: _Batch, failure: tuple[Logged, BaseException] | None) -> dict[str, Any]:
        note = {name: value for name, value in self.note.items() if name != "stopped"}
        if batch.placed.watermarks:
            note["watermarks"] = batch.placed.watermarks
        for name, count in (("skipped", batch.placed.skipped), ("late", len(batch.placed.aside))):
            if count:
                note[name] = note.get(name, 0) + count
        if failure is not None:
            record, error = failure
            known = self.note.get("stopped", {})
            note["stopped"] = {
                "id": record.id,
                "partition": record.partition,
                "position": record.position,
                "error": {"type": type(error).__name__, "message": printable(error), "line": self._line(error)},
                "since": known["since"] if known.get("id") == record.id else now().isoformat(),
            }
        return note

    def _set_aside(self, late: Sequence[tuple[Logged, str]]) -> None:
        place = f"view {self.view.name}"
        items = [
            Refused(self._stream, place, reason, each.body, f"view/{self.view.name}/{each.id}", each.id)
            for each, reason in late
        ]
        set_aside(self._log, items)

    def _append(self, told: Iterable[tuple[Logged, list[Admitted]]]) -> None:
        """Append what the fold told of, under ids made from the record's: the log takes each once."""
        if self.view.into is not None:
            made = ((record.id, number, each) for record, many in told for number, each in enumerate(many))
            append_made(self._log, self.view.name, self.view.stream, self.view.into, made)

    def _write_beside(self, left: Sequence[tuple[Logged, bytes]]) -> None:
        """Before the states are kept: what is folded again after a failure is written again."""
        if self._beside is not None and left:
            self._beside.write(self._epoch, left)

    def _put(
        self, kept: Sequence[Kept], offsets: Offsets, note: dict[str, Any], records: Sequence[Logged] = ()
    ) -> None:
        epoch, self._epoch = self._epoch, 0  # after an error nobody knows what stands: claim, and see
        if self._seen is not None and records:
            self._seen.keep(records)
            note[NOTE] = self._seen.note
        self._state.put(self._name, epoch, kept, offsets, note)
        self._epoch, self.offsets, self.note = epoch, offsets, note

    def _tell(self) -> None:
        """Tell the log now and then, which frees what was read. The truth is with the states."""
        due = time.monotonic() >= self._tell_at or not self._log.numbered  # then the next records wait for this word
        if self.offsets != self._told and due:
            self._log.commit(self._read_from, consumer(self.view.name), self.offsets)
            self._told, self._tell_at = self.offsets, time.monotonic() + _TELL_EVERY

    def _line(self, error: BaseException) -> str:
        """Where in the user's file a fold raised, as file:line; empty where it did not."""
        file = getattr(getattr(self.view.fold, "__code__", None), "co_filename", "")
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
        return f"{file}:{lines[-1]}" if lines else ""

    def _error(self, record: Logged, error: BaseException) -> ViewError:
        line = self._line(error)
        where = f" ({line})" if line else ""
        return ViewError(
            f"view {self.view.name}",
            f"it stands still at record {record.id}: {type(error).__name__}: {printable(error)}{where}",
            "Mend the fold or the record's type, or skip this record.",
        )
