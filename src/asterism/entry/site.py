"""A platform at work in one process of a cloud's function: the verbs of `asterism run`, as events call for them.

Nothing that must last is kept here: log, states, lake and warehouse are the cloud's, and each knows how far it is. So
an event only says that there is something to do. Coming twice, or late, it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asterism.cli.desk import Desk
from asterism.declare.stage import Stage
from asterism.errors import AsterismError, EngineError, RecordError, StateError, UsageError, ViewError
from asterism.ports.log import Entry, Logged
from asterism.project.load import load
from asterism.project.nearest import suggestion
from asterism.project.settings import SECRETS
from asterism.run.quarantine import Refused, set_aside
from asterism.run.records import Shape
from asterism.wire import Wiring, vault

if TYPE_CHECKING:
    from asterism.cli.watch import Watch
    from asterism.run.store import StoreWorker
    from asterism.run.transform import TransformWorker
    from asterism.run.view import ViewWorker

WAREHOUSE, TRANSFORM, VIEW, EVENTS = "warehouse", "transform-", "view-", "events-"
"""What consumers of streams are called: the writer, and before their names transforms, views and stored streams."""
_CLAIMS = 5
_WRITING = 5.0
"""Seconds for which a view waits for the function that writes its table, or its records into the event store."""
_log = logging.getLogger(__name__)


class Came(NamedTuple):
    """A record that somebody sends, with the id that it has there; empty: none."""

    body: bytes
    id: str = ""


class Stopped(NamedTuple):
    """Why a consumer did not come to the end of its stream, and the record at which it stands, where that is known."""

    error: AsterismError
    partition: str = ""
    position: int = 0


class Site:
    """One stage of one platform. Used by one thread."""

    def __init__(self, root: Path, stage: str | None, scratch: Path, environment: Mapping[str, str]) -> None:
        """Read the project. `scratch` is a folder that may be written. Raises ProjectError."""
        project = load(root, stage, environment, whole=True, vault=vault)
        catalogue = project.stage.catalogue or environment.get("ASTERISM_CATALOGUE", "")
        self.project = replace(project, stage=replace(_moved(project.stage, scratch), catalogue=catalogue))
        scratch.mkdir(parents=True, exist_ok=True)
        self.wiring = Wiring(self.project.stage)
        self.desk = Desk(self.project, self.wiring)
        self._environment = environment
        self._views: dict[str, ViewWorker] = {}

    def do(self, verb: str, name: str = "") -> Any:
        """What a clock calls for. Raises UsageError for what there is not, and what the verb raises."""
        verbs: Mapping[str, Callable[[str], Any]] = {
            "pull": self.pull,
            "publish": self._publish,
            "refresh": self._refresh,
            "report": self._report,
            "upkeep": self._upkeep,
            "watch": self._watch,
        }
        if verb not in verbs:
            raise UsageError(f"the event's verb {verb!r}", "is none of a function's", suggestion(verb, verbs))
        return self._opening(lambda: verbs[verb](name))

    def pull(self, name: str) -> Any:
        """Pull one source, or all."""
        from asterism.cli.verbs.pull import described
        from asterism.run.pull import pull

        chosen = self.desk.pulls([name] if name else [])
        return [described(pull(self.desk.warehouse, each, self.desk.source(each))) for each in chosen]

    def objects(self, urls: Collection[str]) -> Any:
        """Pull the sources in whose places objects have appeared."""
        from asterism.declare.source import Files

        names = [
            each.into
            for each in self.project.pulls
            if isinstance(each.source, Files) and any(url.startswith(f"{each.source.url.rstrip('/')}/") for url in urls)
        ]
        return self._opening(lambda: [pulled for name in names for pulled in self.pull(name)])

    def consume(self, consumers: Collection[str], may_go_on: Callable[[], bool]) -> list[Stopped]:
        """Have consumers read their streams to the end, or as long as they may; answer what stopped them."""
        stopped = []
        for consumer in consumers:
            try:
                self._opening(lambda consumer=consumer: self._consume(consumer, may_go_on))  # type: ignore[misc]
            except ViewError as error:
                stopped.append(self._standing(consumer, error))
            except AsterismError as error:
                _log.error("%s: %s", consumer, error)
                stopped.append(Stopped(error))
        return stopped

    def fold(self, consumer: str, records: Sequence[Logged]) -> None:
        """Have a view or a transform take records that were brought to it; those that it has had are passed over.

        Raises ViewError, StateError and LogError: then they are to be brought again.
        """
        if consumer.startswith(TRANSFORM):
            self._transform(consumer.removeprefix(TRANSFORM)).work(records)
            return
        if consumer.startswith(EVENTS):
            self._store(consumer.removeprefix(EVENTS)).work(records)
            return
        view = self._view(consumer.removeprefix(VIEW))
        for again in reversed(range(_CLAIMS)):
            try:
                view.take(records)
            except StateError as error:
                if not (error.fenced and again):
                    raise
            else:
                return

    def take(self, stream: str, came: Sequence[Came], place: str) -> None:
        """Append records to a stream as the door does: those that do not fit go to quarantine. Raises LogError."""
        shape = self.shape(stream)
        entries, refused = [], []
        for each in came:
            try:
                admitted = shape.admit(each.body)
            except RecordError as error:
                known = f"{place}/{each.id}" if each.id else ""
                refused.append(Refused(stream, place, error.fact, each.body, known, each.id))
                continue
            given = each.id or admitted.id or ""
            entries.append(Entry(given, admitted.key, admitted.body) if given else _anew(admitted.key, admitted.body))
        log = self.wiring.log()
        set_aside(log, refused)
        if entries:
            log.append(stream, entries, shape.stream.dedupe)

    def secret(self, name: str) -> str | None:
        """A secret as it is now, of the environment or the store that the function is told of. Raises AsterismError."""
        if name in self._environment:
            return self._environment[name]
        store = self._environment.get(SECRETS, "")
        return vault(store).get(name) if "://" in store else None

    def shape(self, stream: str) -> Shape:
        """The shape of a stream. Raises UsageError."""
        known = {each.name: each for each in self.project.platform.streams}
        if stream not in known:
            raise UsageError(f"stream {stream}", "is not one of this platform", suggestion(stream, known))
        return Shape(known[stream])

    def _consume(self, consumer: str, may_go_on: Callable[[], bool]) -> None:
        for _ in self._steps(consumer):
            if not may_go_on():
                raise AsterismError(consumer, "has more to read than there was time for", "It is called again.")

    def _steps(self, consumer: str) -> Iterator[int]:
        """Steps while there is something to read; each answers how much."""
        if consumer == WAREHOUSE:
            while self.desk.writer.step().full:
                yield 1
            self._called()
            for error in self.desk.writer.still().values():  # the others have gone on
                raise error
        elif consumer.startswith(TRANSFORM):
            worker = self._transform(consumer.removeprefix(TRANSFORM))
            while count := worker.step():
                yield count
        elif consumer.startswith(EVENTS):
            store = self._store(consumer.removeprefix(EVENTS))
            while count := store.step():
                yield count
        elif consumer.startswith(VIEW):
            view = self._view(consumer.removeprefix(VIEW))
            while count := self._step(view):
                yield count
            if view.is_waiting:
                raise AsterismError(consumer, "waits for what another function writes", "It is called again.")
        else:
            raise UsageError(
                f"consumer {consumer}",
                "is none",
                f"Say {WAREHOUSE}, or {TRANSFORM}, {VIEW} or {EVENTS} and NAME.",
            )

    def _transform(self, name: str) -> TransformWorker:
        from asterism.run.transform import TransformWorker

        known = {each.name: each for each in self.project.platform.transforms}
        return TransformWorker(_named(known, name), self.wiring.log())

    def _store(self, name: str) -> StoreWorker:
        from asterism.run.store import StoreWorker

        of = _named({each.stream.name: each for each in self.project.platform.storings}, name)
        events = self.wiring.events(self.project)
        if events is None:
            raise UsageError(f"stage {self.project.stage.name}", "stores no events", "Let it name a store: events = …")
        return StoreWorker(of, self.wiring.log(), events)

    def _view(self, name: str) -> ViewWorker:
        from asterism.run.view import worker

        if name not in self._views:
            view = _named({each.name: each for each in self.project.platform.views}, name)
            log = self.wiring.log()
            if view.after is not None and not getattr(log, "keeps_positions", True):
                remedy = 'Write log = "kinesis://…?positions=TABLE" in the stage\'s section.'
                raise UsageError(f"view {name}", "waits for its table, and the log keeps no positions", remedy)
            storings, events = self.project.platform.storings, self.wiring.events(self.project)
            self._views[name] = worker(view, log, self.wiring.states(), storings, events)
        return self._views[name]

    @staticmethod
    def _step(view: ViewWorker) -> int:
        """A step, and again where another process had the view: the later one has it.

        Records that do not stand yet where the view waits for them are waited for.
        """
        for again in reversed(range(_CLAIMS)):
            try:
                count = view.step(0.0)
                return view.step(_WRITING) if view.is_waiting else count
            except StateError as error:
                if not (error.fenced and again):
                    raise
        raise AssertionError

    def _standing(self, consumer: str, error: ViewError) -> Stopped:
        _log.error("%s", error)
        name = consumer.removeprefix(VIEW)
        stopped = self.wiring.states().watch(name, 0, limit=0)[0].note.get("stopped", {})
        return Stopped(error, stopped.get("partition", ""), int(stopped.get("position", 0)))

    def _called(self) -> None:
        """Do what records of trigger streams, and notifications, call for."""
        from asterism.run.trigger import EVERYTHING, Calls, notified

        platform = self.project.platform
        if any(each.notified for each in self.project.pulls):
            for name in notified(self.project.pulls, self.wiring.log(), self.desk.source):
                self.pull(name)
        if not platform.triggers:
            return
        calls = Calls(self.wiring.log)
        names = calls.new(platform.triggers)
        for each in self.project.pulls:
            if each.into in names or EVERYTHING in names:
                self.pull(each.into)
        for report in platform.reports:
            if report.name in names or EVERYTHING in names:
                self._report(report.name, called=True)
        calls.expect(())

    def _publish(self, name: str) -> Any:
        from asterism.cli.verbs import publish

        return publish.work(self.desk, {"name": name or None, "full": False}, _silent)

    def _refresh(self, _name: str) -> Any:
        from asterism.cli.verbs.refresh import described
        from asterism.run.rebuild import refresh

        return described(refresh(self.desk.warehouse))

    def _report(self, name: str, *, called: bool = False) -> Any:
        from asterism.cli.verbs import report
        from asterism.run.settle import makers, settle

        tick = report.due(self.desk, name, called=called)
        if tick is None:
            return None
        if self.project.takes_records:  # what was acknowledged before the report is in it
            settle(makers(self.project.platform), self.wiring.log())
        return report.send(self.desk, name, tick)

    def _upkeep(self, _name: str) -> None:
        from asterism.cli.verbs import erase

        erase.upkeep(self.desk)
        self._refresh("")  # what the clock calls for

    def _watch(self, _name: str) -> None:
        self._watcher.look()

    @cached_property
    def _watcher(self) -> Watch:
        from asterism.cli.watch import Watch

        def say(_event: str, text: str, **_details: Any) -> None:
            _log.warning("%s", text)

        def failed(name: str, error: AsterismError) -> None:
            _log.error("%s: %s", name, error)

        return Watch(self.desk, nullcontext, list, say, failed)

    def _opening(self, work: Callable[[], Any]) -> Any:
        """Work with the warehouse; a connection that was lost is opened anew for the next time."""
        try:
            return work()
        except EngineError:
            self.desk.reopen()
            raise


def _moved(stage: Stage, scratch: Path) -> Stage:
    """The stage with its local folder in the one place that may be written."""
    before, after = stage.state, str(scratch)
    return replace(
        stage,
        state=after,
        log=stage.log.replace(before, after),
        views=stage.views.replace(before, after),
        events=stage.events.replace(before, after),
    )


def _named(known: Mapping[str, Any], name: str) -> Any:
    """By its name; those of clouds have hyphens where ours have underscores."""
    found = known.get(name) or known.get(name.replace("-", "_"))
    if found is None:
        raise UsageError(name, "is not one of this platform", suggestion(name, known))
    return found


def _anew(key: str, body: bytes) -> Entry:
    from uuid import uuid4

    return Entry(uuid4().hex, key, body, given=False)


def _silent(_step: str, _done: int, _total: int | None) -> None:
    pass
