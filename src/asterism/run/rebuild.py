"""Rebuild: an equal warehouse from the landing zone alone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from time import perf_counter

from asterism.errors import LakeError
from asterism.plan.compile import Compiled
from asterism.run.commit import Committed, finish, holding, parts_of, replay
from asterism.run.land import Landing, Manifest
from asterism.run.ledger import Position, Run, now
from asterism.run.refresh import Refresh
from asterism.run.session import quote
from asterism.run.warehouse import Progress, Warehouse, silent


def rebuild(warehouse: Warehouse, sources: tuple[str, ...], *, progress: Progress = silent) -> Committed:
    """Empty the warehouse and replay every landed batch, in the order of their refreshes: one transaction, or nothing.

    Versions get the moments they had. A model that failed on the way is held to the end, and tried once more then: a
    later batch may have mended what it failed for. Raises LakeError where the lake holds no batch, or lacks one.
    """
    warehouse.ledger.prepare()
    landing = Landing(warehouse.lake, warehouse.parquet)
    manifests = [manifest for source in sources for manifest in _whole(landing, source)]
    if not manifests:
        raise LakeError("the lake", "there is no batch to rebuild from", "Run `asterism pull` first.")
    manifests.sort(key=lambda each: (each.moment or each.polled_at, each.seq))

    def work(held: dict[str, str]) -> Committed:
        empty(warehouse)
        done = Committed()
        reached: dict[str, Position] = {}
        for number, manifest in enumerate(manifests):
            progress("rebuilding", number, len(manifests))
            source, polled_at = manifest.source, manifest.polled_at
            before = reached.get(source) or Position(0, {}, loading=True, polled_at=polled_at, reconciled_at=None)
            reached[source] = Position(manifest.seq + 1, manifest.cursor, not manifest.complete, polled_at, None)
            done = replay(warehouse, manifest, before, reached[source], held)
            warehouse.session.tidy()
        progress("rebuilding", len(manifests), len(manifests))
        return done

    done = holding(warehouse, "rebuild", work)
    return replace(done, held=refresh(warehouse).held) if done.held else done


def _whole(landing: Landing, source: str) -> list[Manifest]:
    manifests = landing.manifests(source)
    for expected, manifest in enumerate(manifests):
        if manifest.seq != expected:
            raise LakeError(
                f"raw/{source}", f"batch {expected} is missing", "Restore it from a backup, or reset and load afresh."
            )
    return manifests


def refresh(
    warehouse: Warehouse,
    *,
    only: tuple[str, ...] = (),
    full: bool = False,
    again: bool = True,
    moment: datetime | None = None,
) -> Committed:
    """Bring models up to date that were edited, or that the clock calls for; `full` recomputes them.

    `again`: those that were held too, though nothing has moved that they are made from.

    `only` names models to recompute with `full`; without names, all. `moment` is where the clock stands (naive UTC);
    None: now.
    """
    asked, started = moment or now(), perf_counter()

    def work(held: dict[str, str]) -> Committed:
        _, begun = warehouse.ledger.begin_refresh(asked)
        compiled: Compiled = warehouse.compiled(warehouse.raw_tables().values())
        session, ledger, tracer = warehouse.session, warehouse.ledger, warehouse.tracer
        step = Refresh(session, ledger, compiled, begun, held=held, dated=warehouse.dated, tracer=tracer)
        step.run(only, full=full, again=again)
        if not step.report and not held:
            return Committed(held=step.stuck)
        return finish(warehouse, step, Committed())

    with warehouse.tracer.span("models", "models"):
        done = holding(warehouse, "models", work)
    if done.refreshed:
        said = "; ".join(f"{model}: {error}" for model, error in done.held)
        removed, added = (sum(getattr(each, name) for each in done.refreshed) for name in ("removed", "added"))
        seconds, parts = perf_counter() - started, parts_of(done)
        run = Run(uuid.uuid4().hex, "refresh", "models", now(), seconds, "ok", removed, added, said, parts)
        warehouse.ledger.note_run(run)
    return done


def empty(warehouse: Warehouse) -> None:
    """Drop every table that Asterism made here, and forget everything. Within the caller's transaction."""
    session, ledger = warehouse.session, warehouse.ledger
    cascade = " CASCADE" if session.engine.enforces_keys else ""
    for name in [*ledger.models(), *ledger.raw_keys()]:
        session.execute(f"DROP TABLE IF EXISTS {quote(name)}{cascade}")
        session.reshaped(name)
    ledger.clear()
    warehouse.forget()
