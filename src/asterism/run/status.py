"""Status: how far each source has been read, how fresh each model is, and what went wrong lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asterism.run.ledger import Ledger, PublicationState, Run, Warned
from asterism.run.refresh import awaited
from asterism.run.session import quote
from asterism.run.warehouse import Warehouse

_COUNTED = 10_000
"""Refreshes up to which it is counted how far a publication is behind."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source; times are naive UTC. `batches` counts what has been landed and committed."""

    source: str
    polled_at: datetime | None
    reconciled_at: datetime | None
    loading: bool
    batches: int


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model; `rows` is None where it has not been built."""

    model: str
    state: str
    maintenance: str
    rows: int | None
    refreshed_at: datetime | None
    since: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class PublicationStatus:
    """A publication as it was last heard of. `behind` counts the refreshes it has not got; None: unknown, or many."""

    publication: str
    published_at: datetime | None
    moment: datetime | None
    behind: int | None
    behind_since: datetime | None
    """When the warehouse had the first refresh that is not there yet."""
    error: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `asterism status` shows."""

    sources: tuple[SourceStatus, ...]
    models: tuple[ModelStatus, ...]
    publications: tuple[PublicationStatus, ...]
    runs: tuple[Run, ...]
    warnings: tuple[Warned, ...] = ()
    """The checks that some row fails."""


def status(
    warehouse: Warehouse, sources: tuple[str, ...], publications: tuple[str, ...] = (), *, runs: int = 10
) -> Status:
    """Read the ledger. Counts of rows come from the engine's own statistics where it has them."""
    ledger = warehouse.ledger
    found = []
    for name in sources:
        position = ledger.position(name)
        if position is None:
            found.append(SourceStatus(name, None, None, loading=False, batches=0))
            continue
        polled = position.polled_at if position.seq else None
        found.append(SourceStatus(name, polled, position.reconciled_at, position.loading, position.seq))
    published = tuple(publication_status(ledger, name) for name in publications)
    return Status(tuple(found), _models(warehouse), published, tuple(ledger.runs(runs)), ledger.warnings())


def publication_status(ledger: Ledger, name: str) -> PublicationStatus:
    """How far a publication is, as the ledger tells it."""
    known = ledger.publication(name) or PublicationState(None, None, None)
    found = ledger.refreshes(known.seq or 0, _COUNTED + 1)
    behind, moment, first = None, None, None
    if known.seq is not None and found and (found[0].seq, found[0].committed_at) == (known.seq, known.committed_at):
        behind, moment = len(found) - 1, found[0].moment
        first = found[1].committed_at if behind else None
    return PublicationStatus(name, known.published_at, moment, behind, first, known.error, known.since)


def _models(warehouse: Warehouse) -> tuple[ModelStatus, ...]:
    states = warehouse.ledger.models()
    compiled = warehouse.compiled(warehouse.raw_tables().values())
    unplanned = warehouse.unplanned(compiled)
    plans = {plan.table.name: plan for plan in compiled.plans if plan.model is not None}
    unloaded = awaited(compiled, states, warehouse.ledger.loading() - warehouse.dated)
    found = []
    for model in sorted(warehouse.models, key=lambda each: each.name):
        plan, state = plans.get(model.name), states.get(model.name)
        rows = None
        if state is not None and state.refreshed_at is not None:
            current = " WHERE is_current" if model.history else ""
            rows = warehouse.session.rows(f"SELECT count(*) FROM {quote(model.name)}{current}")[0][0]
        if plan is None:
            kind, reason = unplanned[model.name]
            found.append(ModelStatus(model.name, kind, "", rows, None, None, reason))
        elif state is None:
            kind, reason = ("waiting", unloaded[model.name]) if model.name in unloaded else ("new", "")
            found.append(ModelStatus(model.name, kind, plan.maintenance, None, None, None, reason))
        else:
            found.append(
                ModelStatus(
                    model.name, state.state, plan.maintenance, rows, state.refreshed_at, state.since, state.error
                )
            )
    return tuple(found)
