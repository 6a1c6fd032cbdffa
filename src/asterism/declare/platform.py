"""The platform: what `platform.py` of a project declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, get_type_hints, overload

from asterism.declare import fields
from asterism.declare.cron import cron
from asterism.declare.duration import duration
from asterism.declare.endpoint import Endpoint, Sns
from asterism.declare.publish import Publication
from asterism.declare.report import Report
from asterism.declare.simulator import Database, Simulator, Transaction
from asterism.declare.source import FILES_COLUMNS, Files, Pull, Source
from asterism.declare.storing import Storing, checked, storing
from asterism.declare.stream import EventSimulator, Function, Stream, Timed, Transform, Trigger
from asterism.declare.stream import checked as stream_name
from asterism.declare.view import View, Window

if TYPE_CHECKING:
    from asterism.declare.record import Record

Live = Callable[[Random, Database], Iterator[Transaction]]
LiveEvents = Callable[[Random], Iterator[Timed]]
Prepare = Callable[[Random, Database], Iterable[Transaction]]
Fold = Callable[[Any, Any], Any]
_OF_THE_STREAM = "\0"


class Platform:
    """Collects declarations; does nothing itself. `name` is what logs, alerts and deployed resources are called by.

    `freshness` is how old the data of models may be that say nothing of it themselves. Raises ValueError where it
    cannot be read.
    """

    def __init__(self, name: str, *, freshness: str | timedelta | None = None) -> None:
        self.name = name
        self.freshness = None if freshness is None else duration(freshness)
        self.pulls: tuple[Pull, ...] = ()
        self.streams: tuple[Stream, ...] = ()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.storings: tuple[Storing, ...] = ()
        self.transforms: tuple[Transform, ...] = ()
        self.views: tuple[View, ...] = ()
        self.triggers: tuple[Trigger, ...] = ()
        self.reports: tuple[Report, ...] = ()
        self.publications: tuple[Publication, ...] = ()
        self.simulators: tuple[Simulator | EventSimulator, ...] = ()

    def pull(
        self,
        source: Source,
        *,
        into: str,
        every: str | timedelta = "5m",
        at: str | None = None,
        reconcile: str | timedelta = "1h",
        notified: Stream | None = None,
    ) -> Pull:
        """Poll `source` `every` so often into the warehouse's schema `into`; compare all keys every `reconcile`.

        `at`, a cron expression in UTC, takes the place of `every`. What comes into the stream `notified` makes a pull
        due at once: notifications of the store, which say which objects are new. Raises ValueError where a time cannot
        be read, `into` is taken, or the files have records that no table could hold.
        """
        if any(pull.into == into for pull in self.pulls):
            raise ValueError(f"two sources are pulled into {into!r}: give each a schema of its own")
        _read(notified, f"the pull into {into!r} is told by")
        if isinstance(source, Files) and source.record is not None:
            fields.checked(source.record, FILES_COLUMNS)
        pull = Pull(source, into, duration(every), duration(reconcile), at and cron(at), notified)
        self.pulls = (*self.pulls, pull)
        return pull

    def stream(  # noqa: PLR0913 - all but the first two go by their names
        self,
        name: str,
        record: type[Record] | None = None,
        *,
        key: str | None = None,
        id_field: str | None = None,
        public: bool = False,
        strict: bool = False,
        dedupe: str | timedelta = "7d",
        retention: str | timedelta = "7d",
        keep: str | timedelta | None = None,
        lake_only: bool = False,
    ) -> Stream:
        """Declare a stream; see `Stream` for what each part means.

        Raises ValueError where its name is taken or none, and for a type that no table could have, or without its key.
        """
        kept = None if keep is None else duration(keep)
        times = (duration(dedupe), duration(retention), kept)
        stream = Stream(stream_name(name), record, key, id_field, public, strict, *times, lake_only)
        if record is not None:
            fields.checked(record)
        for said, field in (("key", key), ("id_field", id_field)):
            fields.named(record, field, f"the {said} of stream {name!r} is")
        if any(other.table.lower() == stream.table.lower() for other in self.streams):
            raise ValueError(f"two streams would have the table {stream.table}: give each a name of its own")
        self.streams = (*self.streams, stream)
        return stream

    def endpoint(self, service: Sns, *, into: Stream) -> Endpoint:
        """Let `service` push into a stream, by its own protocol. Raises ValueError where its topics are no list."""
        topics: object = service.topics
        if isinstance(topics, str):
            raise ValueError(f"its topics are a list: write topics=[{topics!r}]")  # noqa: TRY004 - of a declaration
        endpoint = Endpoint(service, into)
        self.endpoints = (*self.endpoints, endpoint)
        return endpoint

    def store(self, stream: Stream, *, at: str, family: str = "event") -> Storing:
        """Keep each record of `stream` as a row of the stage's event store too, by its key and the time in `at`.

        Its fields are columns of `family`. Raises ValueError where the stream has no key or no such time, or is stored
        already.
        """
        _read(stream, "platform.store reads")
        if any(each.stream is stream for each in self.storings):
            raise ValueError(f"the events of {stream.name!r} are stored twice: once is enough")
        made = storing(stream, at, family)
        self.storings = (*self.storings, made)
        return made

    def transform(self, stream: Stream, *, into: Stream) -> Callable[[Function], Function]:
        """Declare the decorated function of a record of `stream` to none, one or many records of `into`.

        What a stream becomes that goes to the lake alone goes there alone as well, by one transform: a cloud's own
        delivery makes it on the way. Raises ValueError for what it could not.
        """
        if into is stream:
            raise ValueError(f"a transform of {stream.name!r} into itself would never end: give it another stream")
        if stream.lake_only:
            self._on_the_way(stream, into)

        def declare(function: Function) -> Function:
            if stream.lake_only and any(each.stream is stream for each in self.transforms):
                raise ValueError(f"{stream.name!r} goes to the lake alone, by one transform: let one make all of it")
            if any(each.name == function.__name__ for each in self.transforms):
                raise ValueError(f"two transforms are called {function.__name__!r}: give each a name of its own")
            self.transforms = (*self.transforms, Transform(function.__name__, stream, into, function))
            return function

        return declare

    def view(
        self,
        stream: Stream,
        *,
        key: str | None = _OF_THE_STREAM,
        after: str | None = None,
        window: Window | None = None,
        into: Stream | None = None,
        family: str | None = None,
    ) -> Callable[[Fold], Fold]:
        """Declare the decorated function `(state, record) -> state` a live view; its name is the function's.

        The type of the state is its first parameter's annotation: a Record whose fields all have defaults. `key` names
        the record's field that is the view's key: the stream's unless given; None keeps one state for all records.
        `after=stream.table` keeps it from running ahead of the table. With `into=`, of a view without windows, it
        answers (state, records), and the records go into that stream. With `family=`, the state that a record left is
        written beside it, into its row of the event store. Raises ValueError for a name that is taken, and for a state
        that cannot be told or has no beginning.
        """
        _read(stream, "a view reads")
        if into is not None and window is not None:
            raise ValueError("a view with windows tells of nothing: leave out window or into")
        if into is stream:
            raise ValueError(f"a view cannot tell into the stream that it reads: give {stream.name!r} another")

        def declare(fold: Fold) -> Fold:
            name = fold.__name__
            if any(view.name == name for view in self.views):
                raise ValueError(f"two views are called {name!r}: give each a name of its own")
            if after not in {None, stream.table}:
                raise ValueError(f"view {name!r} cannot run after {after!r}: its stream's table is {stream.table!r}")
            chosen = stream.key if key == _OF_THE_STREAM else key
            fields.named(stream.record, chosen, f"the key of view {name!r} is")
            fields.named(stream.record, window.time if window else None, f"the time of view {name!r} is")
            beside = self._beside(name, stream, window, family)
            self.views = (*self.views, View(name, stream, fold, _state(fold), chosen, after, window, into, beside))
            return fold

        return declare

    def _on_the_way(self, stream: Stream, into: Stream) -> None:
        """Refuse what a delivery to the lake could not make of a stream."""
        if not into.lake_only:
            remedy = f"say lake_only=True of {into.name!r}, or leave it out of {stream.name!r}"
            raise ValueError(f"what {stream.name!r} becomes goes to the lake alone, as it does itself: {remedy}")
        made = {each.into.name for each in self.transforms if each.stream.lake_only}
        if into.name in {each.stream.name for each in self.transforms} or stream.name in made:
            raise ValueError(f"{stream.name!r} becomes {into.name!r} on its way to the lake: one step is all there is")

    def _beside(self, name: str, stream: Stream, window: Window | None, family: str | None) -> str | None:
        """The family that a view writes beside the records, checked."""
        if family is None:
            return None
        stored = next((each for each in self.storings if each.stream is stream), None)
        if stored is None:
            raise ValueError(f"view {name!r} writes beside events that are not stored: platform.store comes first")
        if window is not None:
            raise ValueError(f"view {name!r} has windows, and leaves no one state at a record: leave out family")
        taken = {stored.family} | {each.family for each in self.views if each.stream is stream}
        if family in taken:
            raise ValueError(f"view {name!r} cannot write into the family {family!r}: it is another's")
        return checked(family)

    def trigger(self, stream: Stream, *, field: str = "schedule") -> Trigger:
        """Let records of `stream` make pulls and reports due at once: the one that `field` names, or all."""
        _read(stream, "platform.trigger reads")
        trigger = Trigger(stream, field)
        self.triggers = (*self.triggers, trigger)
        return trigger

    def report(self, name: str, queries: Sequence[str], *, to: Sequence[str], at: str, subject: str = "") -> Report:
        """Send the answers of `queries` by e-mail at each tick of the cron expression `at` (UTC)."""
        if any(report.name == name for report in self.reports):
            raise ValueError(f"two reports are called {name!r}: give each a name of its own")
        report = Report(name, tuple(queries), tuple(to), cron(at), subject or f"{name} of {{day}}")
        self.reports = (*self.reports, report)
        return report

    def publish(self, models: Sequence[str], *, to: str, schema: str, name: str | None = None) -> Publication:
        """Carry `models` onward into `schema` of the PostgreSQL at the URL `to`: each refresh once, in order and whole.

        An empty `to`, as of `${URL:-}`, is for stages that do not publish. `name` is the schema's unless given. Raises
        ValueError where it is taken.
        """
        publication = Publication(name or schema, tuple(models), to, schema)
        if any(other.name == publication.name for other in self.publications):
            raise ValueError(f"two publications are called {publication.name!r}: give each a name of its own")
        self.publications = (*self.publications, publication)
        return publication

    @overload
    def simulator(self, target: Pull, *, prepare: Prepare | None = None) -> Callable[[Live], Live]: ...

    @overload
    def simulator(self, target: Stream) -> Callable[[LiveEvents], LiveEvents]: ...

    def simulator(self, target: Pull | Stream, *, prepare: Prepare | None = None) -> Callable[[Any], Any]:
        """Declare the decorated function the simulator of a pull's source, or of a stream; its name is the function's.

        Of a source it is `(random, database)` to transactions, of a stream `(random)` to `Timed` records.
        """

        def declare(live: Callable[..., Any]) -> Callable[..., Any]:
            name = live.__name__
            if isinstance(target, Stream):
                made: Simulator | EventSimulator = EventSimulator(name, target, live)
            else:
                made = Simulator(name, target.source, live, prepare)
            self.simulators = (*self.simulators, made)
            return live

        return declare


def _read(stream: Stream | None, reader: str) -> None:
    """Raises ValueError where a stream has nobody that reads it."""
    if stream is not None and stream.lake_only:
        raise ValueError(f"{reader} {stream.name!r}, which goes to the lake alone: leave out its lake_only=True")


def _state(fold: Fold) -> type[Record]:
    """The type of a fold's state."""
    hints = get_type_hints(fold)
    hints.pop("return", None)
    state = next(iter(hints.values()), None)
    remedy = "annotate its first parameter with a Record whose fields have defaults"
    if not isinstance(state, type):
        raise ValueError(f"the state of view {fold.__name__!r} cannot be told: {remedy}")  # noqa: TRY004 - of a declaration
    try:
        state()
    except TypeError as error:
        raise ValueError(f"the state of view {fold.__name__!r} has no beginning: {error}; {remedy}") from error
    return state
