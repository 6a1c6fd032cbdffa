"""The platform: what `platform.py` of a project declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from random import Random

from asterism.declare.duration import duration
from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.declare.source import Pull, Source

Live = Callable[[Random, Database], Iterator[Transaction]]
Prepare = Callable[[Random, Database], Iterable[Transaction]]


class Platform:
    """Collects declarations; does nothing itself. `name` is what logs, alerts and deployed resources are called by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pulls: tuple[Pull, ...] = ()
        self.simulators: tuple[Simulator, ...] = ()

    def pull(
        self,
        source: Source,
        *,
        into: str,
        every: str | timedelta = "5m",
        reconcile: str | timedelta = "1h",
    ) -> Pull:
        """Poll `source` `every` so often into the warehouse's schema `into`; compare all keys every `reconcile`.

        Raises ValueError where a duration cannot be read or `into` is taken.
        """
        if any(pull.into == into for pull in self.pulls):
            raise ValueError(f"two sources are pulled into {into!r}: give each a schema of its own")
        pull = Pull(source, into, duration(every), duration(reconcile))
        self.pulls = (*self.pulls, pull)
        return pull

    def simulator(self, pull: Pull, *, prepare: Prepare | None = None) -> Callable[[Live], Live]:
        """Declare the decorated function the simulator of `pull`'s source; its name is the function's."""

        def declare(live: Live) -> Live:
            self.simulators = (*self.simulators, Simulator(live.__name__, pull.source, live, prepare))
            return live

        return declare
