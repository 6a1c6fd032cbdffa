"""The verb `simulate`: play a simulator's transactions into its database, at a pace."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.ports.player import Pending, Player
from asterism.run.pace import Pace, check_pace


@dataclass(frozen=True, slots=True)
class SimulateReport:
    """What was played: committed transactions but those of `prepare`, their rows, and the time they lived through."""

    prepared: bool
    """Whether the database was made; False where it stood."""
    transactions: int
    rows: int
    begin: datetime | None
    end: datetime | None

    @property
    def span(self) -> timedelta:
        """Simulated time from the first transaction to the last."""
        return self.end - self.begin if self.begin and self.end else timedelta(0)


def prepare(simulator: Simulator, player: Player, *, seed: int = 0) -> bool:
    """Make the database where it is empty; answer whether it was. Raises `SourceError`."""
    prepared = False
    if simulator.prepare is not None:
        for step in simulator.prepare(Random(seed), Database(player.rows)):  # noqa: S311 repeatable by design
            player.begin(step).commit()
            prepared = True
    return prepared


def simulate(  # noqa: PLR0913  all but two have defaults and go by their names
    simulator: Simulator,
    player: Player,
    *,
    limit: int | None = None,
    speed: float = 60.0,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    stopped: Callable[[], bool] = lambda: False,
    on_commit: Callable[[Transaction], None] = lambda _: None,
) -> SimulateReport:
    """Prepare the database where it is empty, then play `limit` transactions, or until `stopped`.

    `speed` is simulated seconds a second: at 60 an hour's transactions take a minute; 0 is as fast as they go. Which
    transactions run, and in which order they commit, depends on `seed` and the database alone, never on `speed`.
    `on_commit` is called right after each commit but those of `prepare`. A failure rolls back what is pending and
    raises `SourceError`; what was committed stays. Raises `UsageError` for a limit or a speed that makes no sense.
    """
    check_pace(limit, speed)
    prepared = prepare(simulator, player, seed=seed)
    stage = _Performance(player, Pace(speed, clock, sleep), on_commit)
    life = simulator.live(Random(seed), Database(player.rows))  # noqa: S311 repeatable by design
    try:
        stage.perform(life, limit, stopped)
    except BaseException:
        stage.abandon()
        raise
    return SimulateReport(prepared, stage.committed, stage.rows, stage.begin, stage.end)


@dataclass
class _Performance:
    """One run: the transactions that are pending, in the order in which they are to commit, and what was done."""

    player: Player
    pace: Pace
    on_commit: Callable[[Transaction], None]
    held: list[tuple[datetime, int, Transaction, Pending]] = field(default_factory=list)
    begun: int = 0
    committed: int = 0
    rows: int = 0
    begin: datetime | None = None
    end: datetime | None = None

    def perform(self, life: Iterable[Transaction], limit: int | None, stopped: Callable[[], bool]) -> None:
        for transaction in life:
            self._commit_until(transaction.at)
            self.pace.reach(transaction.at)
            if stopped():
                break
            pending = self.player.begin(transaction)
            self.begun += 1
            self.begin = self.begin or transaction.at
            if transaction.hold:
                heapq.heappush(self.held, (transaction.at + transaction.hold, self.begun, transaction, pending))
            else:
                self._commit(transaction, pending, transaction.at)
            if self.begun == limit:
                break
        self._commit_until(None)

    def abandon(self) -> None:
        while self.held:
            self.held.pop()[3].rollback()

    def _commit_until(self, moment: datetime | None) -> None:
        """Commit what is due by `moment`, or all of it, without waiting, where the run is over."""
        while self.held and (moment is None or self.held[0][0] <= moment):
            due, _, transaction, pending = heapq.heappop(self.held)
            if moment is not None:
                self.pace.reach(due)
            self._commit(transaction, pending, due)

    def _commit(self, transaction: Transaction, pending: Pending, moment: datetime) -> None:
        pending.commit()
        self.committed += 1
        self.rows += pending.rows
        self.end = moment
        self.on_commit(transaction)
