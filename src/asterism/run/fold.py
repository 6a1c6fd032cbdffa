"""Folds: what a batch of records makes of a view's states. Nothing here reads or writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from asterism.declare.view import EVERYTHING, View
from asterism.ports.log import Logged
from asterism.ports.state import Kept
from asterism.run.records import Admitted, Shape
from asterism.run.window import Windows

Address = tuple[str, str]
"""A state's key and window."""
_ENCODER = msgspec.json.Encoder()


class Failure(NamedTuple):
    """The record of a batch that cannot be folded in, by its index, and why."""

    nth: int
    error: BaseException


class Item(NamedTuple):
    """A record on its way into one state."""

    address: Address
    record: Any
    nth: int


@dataclass(slots=True)
class Placed:
    """Which states the records of a batch go into."""

    items: list[Item] = field(default_factory=list)
    aside: list[tuple[Logged, str]] = field(default_factory=list)
    """Records that belong to no window, with the reason."""
    skipped: int = 0
    watermarks: dict[str, str] = field(default_factory=dict)


class Folded(NamedTuple):
    """What items made: states as JSON, and with `into`, the records that the fold told of, by the item's `nth`."""

    states: dict[Address, bytes]
    told: list[tuple[int, list[Admitted]]]
    left: list[tuple[int, bytes]]
    """Of a view that writes beside its records: the state that each left, by the item's `nth`."""


class Fold:
    """The fold of one view. Answers hang on the order of the records, not on how they were batched."""

    def __init__(self, view: View, shape: Shape) -> None:
        self._view, self._shape = view, shape
        self._function: Callable[[Any, Any], Any] = view.fold
        self._into = Shape(view.into) if view.into is not None else None
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(view.initial)

    def place(
        self, records: Sequence[Logged], skip: frozenset[str], watermarks: Mapping[str, str],
        again: frozenset[int] = frozenset(),
    ) -> Placed | Failure:  # fmt: skip
        """Decode a batch and tell where its records go; those of the ids `skip` and the indices `again` nowhere."""
        taken: Sequence[int] = range(len(records))
        if skip or again:
            taken = [index for index, each in enumerate(records) if index not in again and each.id not in skip]
        try:
            decoded = self._shape.read([records[index].body for index in taken])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._misfit(records, taken)
        placed = Placed(skipped=len(records) - len(taken) - len(again))
        key, value = self._view.key, self._shape.value
        keys = [EVERYTHING if key is None else value(each, key) for each in decoded]
        if self._view.window is None:
            placed.items = [
                Item((name, ""), each, index) for name, each, index in zip(keys, decoded, taken, strict=True)
            ]
            return placed
        windows = Windows(self._view.window, watermarks)
        for name, each, index in zip(keys, decoded, taken, strict=True):
            try:
                starts = windows.place(records[index].partition, self._time(each), records[index].at)
            except ValueError as error:
                placed.aside.append((records[index], str(error)))
                continue
            placed.items += [Item((name, start), each, index) for start in starts]
        placed.watermarks = windows.watermarks
        return placed

    def fold(self, items: Sequence[Item], kept: Mapping[Address, Kept], *, careful: bool = False) -> Folded | Failure:
        """The states that `items` make of those that are kept, and what is told; or a Failure.

        A state that could not be read again is a failure of the record that made it; `careful` looks for that one.
        """
        states: dict[Address, Any] = {}
        told: list[tuple[int, list[Admitted]]] = []
        left: list[tuple[int, bytes]] = []
        function, kind = self._function, self._view.initial
        for address, record, nth in items:
            try:
                state = states.get(address)
                if state is None:
                    state = self._state(kept.get(address))
                state = function(state, record)
                if self._into is not None:
                    state, records = state
                    told.append((nth, [self._into.admit(_ENCODER.encode(each)) for each in records]))
                states[address] = state
                if type(state) is not kind:
                    return Failure(nth, TypeError(f"the fold gave {type(state).__name__}, not {kind.__name__}"))
                if self._view.family is not None:
                    left.append((nth, _ENCODER.encode(state)))
                if careful:
                    self._decoder.decode(_ENCODER.encode(state))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise anything
                return Failure(nth, error)
        try:
            encoded = {address: _ENCODER.encode(state) for address, state in states.items()}
            for each in encoded.values():
                self._decoder.decode(each)
        except Exception as error:  # noqa: BLE001 - as above: whatever a state holds
            return Failure(items[-1].nth, error) if careful else self.fold(items, kept, careful=True)
        return Folded(encoded, told, left)

    def _state(self, kept: Kept | None) -> Any:
        if kept is None:
            return self._view.initial()
        try:
            return self._decoder.decode(kept.value)
        except msgspec.MsgspecError as error:
            name = self._view.initial.__name__
            raise TypeError(f"the state that is kept does not fit {name}: {error}; rebuild the view") from error

    def _misfit(self, records: Sequence[Logged], taken: Sequence[int]) -> Failure:
        for index in taken:
            try:
                self._shape.read([records[index].body])
            except msgspec.ValidationError as error:
                return Failure(index, msgspec.ValidationError(str(error).replace("`$[0]", "`$", 1)))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                return Failure(index, error)
        raise AssertionError("each record could be decoded, all of them together could not")

    def _time(self, record: Any) -> Any:
        name = self._view.window.time if self._view.window else ""
        return record.get(name) if isinstance(record, dict) else getattr(record, name, None)
