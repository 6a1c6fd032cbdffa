"""The warehouse of one stage: engine, lake and ledger, and the plans that are carried out there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from asterism.declare.model import Model
from asterism.declare.table import Table
from asterism.errors import AsterismError
from asterism.plan.compile import Compiled, compile_models
from asterism.ports.catalogue import Register
from asterism.ports.engine import Engine
from asterism.ports.lake import Lake
from asterism.ports.parquet import Parquet
from asterism.ports.tracer import Tracer
from asterism.run.land import LandedTable
from asterism.run.ledger import SCHEMA, Ledger, Run
from asterism.run.session import Session
from asterism.run.streams import Streams
from asterism.run.trace import SILENT

Progress = Callable[[str, int, int | None], None]
"""Called with a step's name, how much of it is done, and how much there is (None: unknown)."""


def silent(step: str, done: int, total: int | None) -> None:
    """A progress that tells nobody."""


@dataclass
class Warehouse:
    """Everything a verb needs. One thread at a time."""

    engine: Engine
    lake: Lake
    parquet: Parquet
    models: tuple[Model, ...]
    processed: bool = True
    """Whether each model's change sets are landed in the lake's processed zone."""
    streams: Streams | None = None
    """The streams whose records are taken in here."""
    register: Register | None = None
    """Who is told of the tables that sources land, so that they are found in the lake."""
    tracer: Tracer = SILENT
    """Who is told of the work."""
    dated: frozenset[str] = frozenset()
    """Sources whose rows come day by day: models show the days that are there, and wait for no more."""
    unsure: set[str] = field(default_factory=set)
    """Sources whose landing may hold a batch that was never committed: after a failure."""
    sure: set[str] = field(default_factory=set)
    """Sources whose landing is known to end where the ledger does."""
    _compiled: tuple[dict[str, Table], Compiled] | None = None

    @cached_property
    def session(self) -> Session:
        """The one session on the engine."""
        return Session(self.engine)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, brought up to date."""
        ledger = Ledger(self.session)
        ledger.prepare()
        return ledger

    def shape(self, landed: LandedTable) -> Table:
        """The table that a landed object goes into: a stream's as it is declared now, others as they were landed.

        Deletions alone ask for no column.
        """
        if landed.deleted is not None and landed.object is None and landed.table in self._raw:
            return self._raw[landed.table]
        if self.streams and (landed.is_lines or landed.table in self.streams.shapes):
            return self.streams.shape(landed.table).table
        return landed.shape()

    def note_run(self, run: Run) -> None:
        """Note a step of work, one that failed say, where the warehouse itself can be reached."""
        with suppress(AsterismError):
            self.ledger.note_run(run)

    def compiled(self, tables: Iterable[Table]) -> Compiled:
        """The plans over these source tables, compiled anew only when a table changed its shape."""
        named = {table.name: table for table in tables}
        if self._compiled is None or self._compiled[0] != named:
            self._compiled = (named, compile_models(self.models, named))
        return self._compiled[1]

    def unplanned(self, compiled: Compiled) -> dict[str, tuple[str, str]]:
        """The models that have no plan, with `waiting` or `wrong` and the reason; their tables stay as they are."""
        planned = {plan.table.name for plan in compiled.plans}
        found = {}
        for model in self.models:
            if model.name not in planned:
                facts = [each.fact for each in compiled.problems if each.where.startswith(str(model.path))]
                absent = not facts or facts[0].startswith("there is no table")
                found[model.name] = ("waiting" if absent else "wrong", facts[0] if facts else "waits for its inputs")
        return found

    def raw_tables(self) -> dict[str, Table]:
        """The source tables that stand in the warehouse, as the landing described them."""
        return dict(self._raw)

    def forget(self) -> None:
        """Forget what was read of the engine, after its tables were dropped."""
        self.__dict__.pop("_raw", None)
        self._compiled = None

    def note_raw(self, tables: Mapping[str, Table]) -> None:
        """Remember how source tables look now."""
        self._raw.update(tables)

    @cached_property
    def _raw(self) -> dict[str, Table]:
        """Read from the engine: every table of a schema that a source lands in, with its key from the ledger."""
        found = {}
        for name, key in self.ledger.raw_keys().items():
            columns = self.engine.columns(name)
            if columns:
                found[name] = Table(name, columns, key)
        return found


__all__ = ["SCHEMA", "Progress", "Warehouse", "silent"]
