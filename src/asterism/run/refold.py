"""Refold: a view made anew from what was landed, beside the one that stands, and put in its place at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asterism.declare.view import View
from asterism.errors import AsterismError, StateError
from asterism.ports.log import ANEW, Log, Logged
from asterism.ports.state import State
from asterism.run.records import Admitted, Shape, logged
from asterism.run.store import Beside
from asterism.run.view import MOST_RECORDS, ViewWorker


def rebuild(
    view: View, shape: Shape, landed: Iterable[bytes], log: Log, state: State, beside: Beside | None = None
) -> int:
    """Fold a view anew, from landed lines and then from the log to its end, and put it in place at once.

    Objects of `landed` come in the order in which they were landed; lines that were landed twice count once. Answers
    how many records were folded in. A worker that runs goes on meanwhile, and afterwards with the new states. Raises
    ViewError where the fold stands still, StateError and LogError: then the view stays as it was.
    """
    shadow = _Shadow(view, shape, log, state, beside)
    try:
        count = shadow.replay(landed)
        shadow.replace()
    except AsterismError as error:
        if not (isinstance(error, StateError) and error.fenced):  # else the shadow is another rebuild's by now
            state.replace(shadow.name, None)
        raise
    return count


class _Shadow(ViewWorker):
    """Works on a view's states of the future, without a word to the log."""

    def __init__(self, view: View, shape: Shape, log: Log, state: State, beside: Beside | None = None) -> None:
        super().__init__(view, shape, log, state, beside)
        self.name = self._name = f"{view.name}~rebuild"
        self._seen = self._seeing(self.name)
        self._live = self._state.watch(view.name, 0, limit=0)[0]

    def replay(self, landed: Iterable[bytes]) -> int:
        """Begin empty, and fold what was landed and then what the log holds; answer how many records."""
        self._state.replace(self.name, None)
        self.claim()
        if "skip" in self._live.note:
            self.note["skip"] = self._live.note["skip"]
        count = 0
        for lines in landed:
            records = logged(lines)
            count += sum(self._folded(records[at : at + MOST_RECORDS]) for at in range(0, len(records), MOST_RECORDS))
        if not self._log.numbered:  # the live view's worker reads anew what is kept, and knows what is folded in
            return count
        end = self._log.standing(self._stream).end
        while found := self.step(0.0):
            count += found
            if all(self.offsets.get(partition, -1) >= last for partition, last in end.items()):
                break
        return count

    def replace(self) -> None:
        """Take the view's place. Its owner stays, and so does what was told to be skipped meanwhile."""
        note = self._state.watch(self.view.name, 0, limit=0)[0].note
        carried = {name: note[name] for name in ("owner", "skip") if name in note}
        self._put((), self.offsets if self._log.numbered else ANEW, {**self.note, **carried})
        self._state.replace(self.view.name, self.name)
        if self._seen is not None:
            self._seen.forget(note)

    def _tell(self) -> None:
        pass

    def _set_aside(self, late: Sequence[tuple[Logged, str]]) -> None:
        """What the view itself had read before, it set aside before."""
        reached = self._live.offsets
        super()._set_aside([each for each in late if each[0].position > reached.get(each[0].partition, -1)])

    def _append(self, told: Iterable[tuple[Logged, list[Admitted]]]) -> None:
        """What the view itself had read before, it told of before."""
        reached = self._live.offsets
        super()._append([each for each in told if each[0].position > reached.get(each[0].partition, -1)])

    def _write_beside(self, left: Sequence[tuple[Logged, bytes]]) -> None:
        """What the view itself had read before, it wrote before, and that stays as it was counted then."""
        reached = self._live.offsets
        new = [each for each in left if each[0].position > reached.get(each[0].partition, -1)]
        if self._beside is not None and new:
            self._beside.write(self._live.epoch, new)
