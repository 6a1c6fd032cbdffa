"""The Export API of Amplitude as a source: whole days of app events."""

from __future__ import annotations

from contextlib import AbstractContextManager

from asterism.declare.source import Amplitude
from asterism.declare.table import Table
from asterism.ports.lake import Lake
from asterism.ports.source import Answer, Cursor


class AmplitudeSource:
    """Implements `Source`: the days of `declared`, as tables of the schema `into`, landed in `lake` as they came."""

    def __init__(self, declared: Amplitude, into: str, lake: Lake) -> None:
        self._declared = declared
        self._into = into
        self._lake = lake

    def describe(self) -> tuple[Table, ...]:
        """The two tables, which are always the same."""
        raise NotImplementedError

    def pull(self, cursor: Cursor, *, reconcile: bool = False) -> AbstractContextManager[Answer]:
        """One day that ended since `cursor`: see the port."""
        raise NotImplementedError

    def everything(self) -> AbstractContextManager[Answer]:
        """Every day from the beginning on: see the port."""
        raise NotImplementedError

    def estimate(self, cursor: Cursor) -> int | None:
        """None: how many events there are is known when they have been read."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is kept open."""
