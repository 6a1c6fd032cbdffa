"""Publish: the change sets of models are carried onward into another database.

Each refresh is carried over once, in order, and whole: all of its tables, and the mark of how far that is, in one
transaction there. What is sent are the change sets that the refresh landed in the processed zone. Where those do not
lead from the mark to the present (the first time, an edited model, another warehouse's history), the models themselves
are compared with what stands there, in the same transaction: the result is the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec

from asterism.declare.model import Model
from asterism.declare.publish import Publication
from asterism.declare.table import Column
from asterism.errors import AsterismError, LakeError
from asterism.plan.plan import record_column
from asterism.plan.spell import header
from asterism.ports.lake import Lake
from asterism.ports.parquet import Parquet
from asterism.ports.scratch import scratch
from asterism.ports.tracer import Tracer
from asterism.run.form import Form, Referred, plain
from asterism.run.land import Landing, ProcessedNote, processed_key
from asterism.run.ledger import Part, PublicationState, RefreshNote, Run, now
from asterism.run.replica import Mark, OrphanError, Replica, UnfitError, Written
from asterism.run.session import listed, quote
from asterism.run.trace import SILENT
from asterism.run.warehouse import Progress, Warehouse, silent

_SAID = {
    "valid_from": "The refresh that brought this version, UTC.",
    "valid_to": "The refresh that ended this version, UTC; NULL while it is current.",
    "is_current": "Whether this is the version of today.",
}


@dataclass(frozen=True, slots=True)
class Published:
    """What was carried over. `behind` counts the refreshes that are still to come."""

    publication: str
    refreshes: int = 0
    behind: int = 0
    moment: datetime | None = None
    tables: tuple[Written, ...] = ()
    waiting: tuple[str, ...] = ()
    """Models that have not been made yet."""
    notices: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A look at the warehouse: the refreshes from the mark on, and how the models stand at the last of them."""

    refreshes: tuple[RefreshNote, ...]
    forms: dict[str, Form]
    snapshots: dict[str, Path] = field(default_factory=dict)
    """Models whose rows were written down as they are after the last refresh."""


@dataclass
class Publisher:
    """Carries one publication. `turn` is held while the warehouse is read, and never while the other database works."""

    publication: Publication
    warehouse: Callable[[], Warehouse]
    replica: Replica
    lake: Lake
    parquet: Parquet
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    progress: Progress = silent
    most: int = 100
    """Refreshes in one transaction."""
    backlog: int = 1000
    """Refreshes that are followed one by one; further behind, comparing models as a whole costs less."""
    tracer: Tracer = SILENT

    def run(self, *, full: bool = False) -> Published:
        """Carry over all there is; `full` compares every model as a whole. Raises EngineError, LakeError."""
        started, done = perf_counter(), self.step(full=full)
        while done.behind:
            self.progress(f"publishing {self.publication.name}", done.refreshes, done.refreshes + done.behind)
            more = self.step()
            notices = tuple(dict.fromkeys((*done.notices, *more.notices)))
            refreshes = done.refreshes + more.refreshes
            done = replace(more, refreshes=refreshes, tables=(*done.tables, *more.tables), notices=notices)
        return replace(done, seconds=perf_counter() - started)

    def step(self, *, full: bool = False) -> Published:
        """One transaction's worth. A failure leaves everything as it was, and is noted in the ledger; repeat it."""
        started, name = perf_counter(), self.publication.name
        try:
            with self.tracer.span("publish", name) as span:
                done = self._step(full=full)
                rows = [(each.added, each.removed) for each in done.tables]
                span.note(added=sum(added for added, _ in rows), removed=sum(removed for _, removed in rows))
            self._tell(self.replica.mark(), "", self._run(done, perf_counter() - started))
        except AsterismError as error:
            error.run = uuid.uuid4().hex
            run = Run(error.run, "publish", name, now(), perf_counter() - started, "failed", error=str(error))
            with suppress(AsterismError):
                self._tell(None, error.fact, run)
            raise
        return replace(done, seconds=perf_counter() - started)

    def _run(self, done: Published, seconds: float) -> Run | None:
        """What was carried over, for people; None where that was nothing."""
        if not done.tables:
            return None
        parts = tuple(Part(each.table, None, each.how, each.removed, each.added) for each in done.tables)
        removed, added = sum(each.removed for each in parts), sum(each.added for each in parts)
        name = self.publication.name
        return Run(uuid.uuid4().hex, "publish", name, now(), seconds, "ok", removed, added, parts=parts)

    def _tell(self, mark: Mark | None, error: str, run: Run | None = None) -> None:
        """Note in the ledger how far the publication is, or that it failed, where that is news."""
        with self.turn():
            warehouse, name = self.warehouse(), self.publication.name
            told = warehouse.ledger.publication(name) or PublicationState(None, None, None)
            state = PublicationState(told.seq, told.committed_at, told.published_at, error, told.since or now())
            if run is not None:
                warehouse.note_run(run)
            if mark is not None:
                state = PublicationState(mark.seq, mark.committed_at, mark.published_at)
            if state != told and (run or mark):
                warehouse.ledger.note_publication(name, state)

    def _step(self, *, full: bool) -> Published:
        whole: set[str] = set()
        without: set[str] = set()
        while True:
            mark = self.replica.mark()
            with TemporaryDirectory(dir=scratch()) as folder:
                seen = self._look(mark, whole, Path(folder))
                needed, way = self._way(seen, mark, full=full)
                if not needed <= seen.snapshots.keys():
                    whole |= needed
                    continue
                try:
                    done = self._write(mark, seen, way, without)
                except UnfitError as unfit:
                    whole |= {model for model, form in seen.forms.items() if form.table == unfit.table}
                except OrphanError as orphan:
                    without.add(orphan.constraint)
                else:
                    if done is not None:
                        return done

    def _look(self, mark: Mark | None, whole: set[str], folder: Path) -> _Seen:
        """Read the ledger, and write down the rows of the models in `whole`, at one refresh."""
        with self.turn():
            warehouse = self.warehouse()
            ledger = warehouse.ledger
            # A history that began anew may not have come as far as the mark: then its last refresh stands for it.
            refreshes = ledger.refreshes(mark.seq if mark else 0, self.backlog + 1) or ledger.refreshes(0, 1)
            models = {each.name: each for each in warehouse.models if each.name in self.publication.models}
            standing = {name: warehouse.session.columns(name) for name in models}
            standing = {name: columns for name, columns in standing.items() if columns}
            models |= {
                name: header(models[name], [each.name for each in columns]) for name, columns in standing.items()
            }
            forms = {name: self._form(models[name], columns, models) for name, columns in standing.items()}
            snapshots = {}
            with warehouse.session.transaction() if whole else nullcontext():
                for number, name in enumerate(sorted(whole & standing.keys())):
                    self.progress(f"publishing {self.publication.name}: reading", number, len(whole))
                    columns = standing[name]
                    names = listed([column.name for column in columns])
                    rows = warehouse.session.fetch(f"SELECT {names} FROM {quote(name)}")
                    snapshots[name] = folder / f"{name}.parquet"
                    self.parquet.write(snapshots[name], columns, rows)
        return _Seen(refreshes, forms, snapshots)

    def _form(self, model: Model, columns: Sequence[Column], models: dict[str, Model]) -> Form:
        said = dict(_SAID, **{record_column(model): "The key of this version."}) if model.history else {}
        commented = [replace(each, comment=each.comment or said.get(each.name, "")) for each in columns]
        return Form(
            model=model.name,
            table=self.publication.table(model.name),
            columns=tuple(map(plain, commented)),
            key=(record_column(model),) if model.history else model.key,
            comment=model.description,
            references=tuple(
                Referred(each.column, self.publication.table(each.table), models[each.table].key[0])
                for each in model.references
                if each.table in models and models[each.table].history is None  # versions have no key of one value each
            ),
            current=model.key if model.history else (),
        )

    def _way(
        self, seen: _Seen, mark: Mark | None, *, full: bool
    ) -> tuple[set[str], dict[RefreshNote, tuple[str, ...]]]:
        """The models that are to be compared as a whole, and what each refresh after the mark landed."""
        if not seen.refreshes:
            return set(), {}
        if full or mark is None or not _leads_on(seen, mark):
            return set(seen.forms), {}
        needed = {name for name, form in seen.forms.items() if mark.tables.get(name) != form.digest}
        way = {}
        for each in seen.refreshes[1:]:
            note = self._processed(each.seq)
            if note is None or note.committed_at != each.committed_at:
                return set(seen.forms), {}
            needed |= seen.forms.keys() & set(note.whole)
            way[each] = note.objects
        return needed, way

    def _processed(self, seq: int) -> ProcessedNote | None:
        """What a refresh landed; None where nothing tells: an erasure takes it away, or nothing was landed then."""
        key = processed_key(seq)
        try:
            return msgspec.json.decode(self.lake.get(key), type=ProcessedNote)
        except LakeError:
            if key in self.lake.list("processed/_manifests/"):
                raise
            return None

    def _write(
        self, mark: Mark | None, seen: _Seen, way: dict[RefreshNote, tuple[str, ...]], without: set[str]
    ) -> Published | None:
        """Carry over what was seen, in one transaction; None where another process did meanwhile."""
        waiting = tuple(name for name in self.publication.models if name not in seen.forms)
        if not seen.refreshes or not seen.forms:
            return Published(self.publication.name, waiting=waiting)
        steps = seen.refreshes[1:] if _leads_on(seen, mark) else seen.refreshes[-1:]
        if not seen.snapshots:
            steps = steps[: self.most]
            if not steps:
                return Published(self.publication.name, moment=mark.moment if mark else None, waiting=waiting)
        goal = steps[-1] if steps else seen.refreshes[-1]
        objects = [(key.split("/")[1], key) for each in steps for key in way.get(each, ())]
        tables: list[Written] = []
        with self.replica.transaction():
            if self.replica.mark() != mark:
                return None
            tables += self._compare(mark, seen, goal.moment, without)
            for model, key in objects:
                if model in seen.forms and model not in seen.snapshots:
                    rows = Landing(self.lake, self.parquet).get(key)
                    tables.append(self.replica.follow(seen.forms[model], rows))
            self.replica.settle(seen.forms.values(), [seen.forms[name] for name in seen.snapshots])
            digests = dict.fromkeys(mark.tables if mark else (), "") | {f.model: f.digest for f in seen.forms.values()}
            self.replica.note(Mark(goal.seq, goal.committed_at, goal.moment, now(), digests))
        behind = len(seen.refreshes) - 1 - seen.refreshes.index(goal)
        notices = (*self.replica.notices, *self._left(mark))
        return Published(self.publication.name, len(steps), behind, goal.moment, tuple(tables), waiting, notices)

    def _compare(self, mark: Mark | None, seen: _Seen, moment: datetime, without: set[str]) -> list[Written]:
        """Bring over whole models, and write what differs. New columns, which lock readers out, wait for all rows."""
        forms = [seen.forms[name] for name in seen.snapshots]
        self.replica.adopt(forms, mark)
        staged = {}
        for number, form in enumerate(forms):
            self.progress(f"publishing {self.publication.name}: writing", number, len(forms))
            staged[form.model] = self.replica.stage(form, self.parquet.read([seen.snapshots[form.model]]))
        reshaped = {form.model for form in forms if self.replica.shape(form, staged[form.model])}
        self.replica.without(seen.forms.values(), without)
        return [
            self.replica.compare(form, staged[form.model], moment, rewrite=form.model in reshaped) for form in forms
        ]

    def _left(self, mark: Mark | None) -> list[str]:
        """In words, once: the tables that are published no longer."""
        known = mark.tables if mark else {}
        return [
            f"{self.publication.table(name)} is published no longer: it stays as it is until somebody drops it"
            for name, digest in known.items()
            if digest and name not in self.publication.models
        ]


def _leads_on(seen: _Seen, mark: Mark | None) -> bool:
    """Whether the refreshes begin at the mark, so that what they landed leads from it to the present."""
    first = seen.refreshes[0]
    return mark is not None and (first.seq, first.committed_at) == (mark.seq, mark.committed_at)
