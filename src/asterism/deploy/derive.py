"""From a project to the graph of its deployment. Reads the project and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asterism.declare.source import Postgres, Pull
from asterism.declare.stream import Stream, Transform
from asterism.deploy.graph import (
    Clock,
    Delivery,
    Door,
    Function,
    Graph,
    Log,
    Objects,
    Reader,
    Records,
    Secret,
    Start,
    Stores,
    Use,
    named,
)
from asterism.errors import UsageError
from asterism.project.load import PLATFORM_FILE, Project, line_of, load
from asterism.project.settings import FILE as SETTINGS_FILE
from asterism.project.settings import lines_of
from asterism.project.variables import SEALED

QUARANTINE, LINEAGE = "_quarantine", "_lineage"
"""The log's own streams."""
WRITER = "warehouse"
"""The consumer's name of the warehouse's writer."""
HANDED_ON = "{}~stored"
"""The stream of what the writer has stored, where views wait for their table and the log has no positions."""
UNNUMBERED = frozenset({"pubsub"})
"""Logs without positions."""
TOPIC = "awssns://"
SHORTEST = timedelta(minutes=1)
"""A cloud's clock has no smaller unit."""
TOKENS = "ASTERISM_TOKENS"
"""The secret that says who may do what over HTTP: the content of a stage's tokens.json, in which only hashes stand."""
UPKEEP_EVERY = timedelta(hours=1)
WATCH_EVERY = timedelta(minutes=5)
_GIVEN = re.compile(
    r"ASTERISM_|AWS_(REGION|DEFAULT_REGION|ACCESS_KEY|SECRET_ACCESS_KEY|SESSION_TOKEN|LAMBDA_)|K_|PORT$"
)
"""Variables that functions are given by the cloud, or by the deployment."""
_SECRET = re.compile(re.escape(SEALED) + r"([A-Za-z_][A-Za-z0-9_.-]*)")


class Asked(Mapping[str, str]):
    """An environment that remembers which of its variables were asked for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = self._environment[name]
        self.names.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def graph_of(root: Path, stage: str | None, environment: Mapping[str, str]) -> tuple[Project, Graph]:
    """Read the platform in `root` without its secrets, and make the graph. Raises ProjectError, UsageError."""
    asked = Asked(environment)
    project = load(root, stage, asked, whole=True, sealed=True)
    names = {name for name in asked.names if not _GIVEN.match(name)}
    return project, derive(project, {name: environment[name] for name in sorted(names)})


def derive(project: Project, variables: Mapping[str, str]) -> Graph:
    """The graph. Raises UsageError where the stage is not one that is deployed."""
    stage = project.stage
    if stage.deploy is None:
        remedy = f'Add [{stage.name}.deploy] with cloud = "aws" and region = "…" to {SETTINGS_FILE}, say.'
        raise UsageError(f"stage {stage.name}", "does not say where it is deployed to", remedy)
    places = _Places(project)
    made = _Functions(project, places)
    return named(
        Graph(
            project.name,
            stage.name,
            stage.production,
            stage.deploy,
            Stores(stage.warehouse, stage.lake, stage.log, stage.views, stage.events, stage.delivery, project.families),
            tuple(made.all()),
            tuple(_logs(project, places)),
            tuple(_secrets(project, places)),
            tuple(variables.items()),
            tuple(places.settings().items()),
        )
    )


def secrets_in(declared: Any) -> set[str]:
    """The names of the secrets that a declaration, or a part of one, asks for."""
    if isinstance(declared, str):
        return set(_SECRET.findall(declared))
    if isinstance(declared, tuple | list):
        return {name for each in declared for name in secrets_in(each)}
    if is_dataclass(declared) and not isinstance(declared, type):
        return {name for each in fields(declared) for name in secrets_in(getattr(declared, each.name))}
    return set()


class _Places:
    """Where things are declared."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._stage = project.stage.name

    def of(self, *marks: str, file: str = PLATFORM_FILE) -> str:
        """The first line that holds one of the marks, the first of them first."""
        for mark in marks:
            if line := line_of(self._root / file, mark):
                return f"{file}:{line}"
        return file

    def settings(self) -> dict[str, str]:
        """See `lines_of`."""
        return lines_of(self._root, self._stage)

    def secret(self, name: str) -> str:
        """Where a secret is asked for in this stage, or in the platform."""
        mark = f"${{secret:{name}"
        lines = (self._root / SETTINGS_FILE).read_text(encoding="utf-8").splitlines()
        within = ""
        for number, line in enumerate(lines, 1):
            if head := re.match(r"\s*\[([^\]]+)\]", line):
                within = head[1].strip().partition(".")[0]
            elif mark in line and within == self._stage:
                return f"{SETTINGS_FILE}:{number}"
        return self.of(mark)


class _Functions:
    """The functions of a platform."""

    def __init__(self, project: Project, places: _Places) -> None:
        self.project = project
        self.platform = project.platform
        self.stage = project.stage
        self.places = places
        self.warehouse = (Use("warehouse", "read"), *_asking(self.stage.warehouse))

    def all(self) -> Iterator[Function]:
        """In the order in which they are told."""
        if self.platform.streams or self.project.queries:
            yield self.http()
        yield self.writer()
        yield from self.stores()
        yield from self.transforms()
        yield from self.views()
        yield from self.deliveries()
        if self.platform.reports:
            yield self.reports()
        yield self.watch()

    def http(self) -> Function:
        uses = [Use("log", "append", stream.name) for stream in self.platform.streams]
        if self.platform.streams:
            uses.append(Use("log", "append", QUARANTINE))
        if self.platform.views:
            uses.append(Use("views", "read"))
        if self.platform.storings:
            uses.append(Use("events", "read"))
        served = "streams, views and queries" if self.platform.views else "streams and queries"
        purpose = f"serves {served if self.platform.streams else 'queries'} over HTTP"
        uses += [*self.warehouse, Use("secret", "read", TOKENS)]
        return Function("http", purpose, self.places.of("Platform("), (Door(),), tuple(uses))

    def writer(self) -> Function:
        """The one that writes the warehouse. A second one at the same time would only wait for the first."""
        starts: list[Start] = [Records(name, WRITER) for name in self.streams()]
        uses = [*self.writing()]
        for pull in self.project.pulls:
            starts += self.pulls(pull)
            uses += _asking(pull.source)
            if self.stage.deploy is not None and self.stage.deploy.cloud == "aws":
                uses.append(Use("catalogue", "write", pull.into))
            if not isinstance(pull.source, Postgres) and pull.source.url.startswith(("s3://", "gs://")):
                uses.append(Use("source", "read", pull.source.url))
        for each in self.project.publications:
            starts.append(Clock("publish", each.name, self.places.of("platform.publish"), every=SHORTEST))
            uses += _asking(each)
        if self.platform.triggers:
            uses += _asking((self.stage.mail, self.platform.reports))
        if self.platform.views and any(stream.keep for stream in self.platform.streams):
            uses.append(Use("views", "write"))  # what is erased is folded out of them
        if any(each.stream.keep for each in self.platform.storings):
            uses.append(Use("events", "write"))
        readers = [Reader(name, WRITER) for name in self.streams()]
        readers += [Reader(each.stream.name, f"trigger:{each.field}") for each in self.platform.triggers]
        readers += [Reader(each.notified.name, f"notified:{each.into}") for each in self.project.pulls if each.notified]
        starts.append(Clock("upkeep", "", self.places.of("Platform("), every=UPKEEP_EVERY))
        purpose = "takes what comes into the warehouse, and makes its models"
        place = self.places.of("Platform(")
        return Function("writer", purpose, place, tuple(starts), _once(uses), alone=True, readers=tuple(readers))

    def writing(self) -> Iterator[Use]:
        """What it takes to bring the log's records into the warehouse."""
        yield from (Use("log", "read", name) for name in self.streams())
        if self.project.takes_records:
            yield Use("log", "append", QUARANTINE)
        yield from (Use("log", "append", HANDED_ON.format(name)) for name in self.handed())
        yield from (Use("lake", "write"), Use("warehouse", "write"), *_asking(self.stage.warehouse))

    def pulls(self, pull: Pull) -> Iterator[Start]:
        """By the clock, and where it is told of objects, as they appear; the clock then finds what was not told.

        What tells of objects is the store itself, or, where the pull names one, the stream: not both.
        """
        place = self.places.of(f'into="{pull.into}"')
        url = pull.source.url
        stored = not isinstance(pull.source, Postgres) and url.startswith(("s3://", "gs://"))
        told = stored or pull.notified is not None
        if stored and pull.notified is None:
            yield Objects(url, pull.into, place)
        if self.stage.schedules:
            every = max(pull.every, timedelta(minutes=15)) if told else max(pull.every, SHORTEST)
            yield Clock("pull", pull.into, place, pull.at or "", timedelta(0) if pull.at else every)

    def stores(self) -> Iterator[Function]:
        for each in self.platform.storings:
            name = each.stream.name
            uses = (Use("log", "read", name), Use("events", "write"), Use("log", "append", QUARANTINE))
            start, readers = Records(name, f"events-{name}"), (Reader(name, "events"),)
            place, purpose = self.places.of("platform.store("), f"stores the events of {name} by key and time"
            yield Function(_plain(start.consumer), purpose, place, (start,), uses, readers=readers)

    def transforms(self) -> Iterator[Function]:
        for each in self.platform.transforms:
            if each.stream.name in self.stage.delivered:
                yield self.delivery(each)
                continue
            uses = (
                Use("log", "read", each.stream.name),
                *_telling(each.into),
                Use("log", "append", QUARANTINE),
            )
            purpose = f"makes records of {each.into.name} from those of {each.stream.name}"
            start = Records(each.stream.name, f"transform-{each.name}")
            place, readers = self.places.of(f"def {each.name}("), (Reader(each.stream.name, f"transform:{each.name}"),)
            yield Function(_plain(start.consumer), purpose, place, (start,), uses, readers=readers)

    def views(self) -> Iterator[Function]:
        for each in self.platform.views:
            waits = each.after is not None and each.stream.name in self.handed()
            stream = HANDED_ON.format(each.stream.name) if waits else each.stream.name
            uses = [Use("log", "read", stream), Use("views", "write"), Use("log", "append", QUARANTINE)]
            uses += _telling(each.into) if each.into is not None else ()
            if each.family is not None and self.platform.storings:
                uses.append(Use("events", "write"))
            purpose = f"keeps the live view {each.name} of {each.stream.name}"
            start = Records(stream, f"view-{each.name}")
            place, readers = self.places.of(f"def {each.name}("), (Reader(stream, f"view:{each.name}"),)
            yield Function(_plain(start.consumer), purpose, place, (start,), tuple(uses), readers=readers)

    def delivery(self, of: Transform) -> Function:
        """A transform of a stream that goes to the lake alone: the cloud's delivery writes what it answers."""
        name = of.stream.name
        uses = tuple(use for use in (*_telling(of.into), Use("log", "append", QUARANTINE)) if use.name != of.into.name)
        purpose = f"makes records of {of.into.name} from those of {name} on their way to the lake"
        place = self.places.of(f"def {of.name}(")
        return Function(_plain(f"delivery-{name}"), purpose, place, (Delivery(name, of.name),), uses)

    def deliveries(self) -> Iterator[Function]:
        """At AWS, where the log packs many records into one: what a delivery writes to the lake are lines of them."""
        target = self.stage.deploy
        for name in target.backup if target is not None and target.cloud == "aws" else ():
            purpose = f"unpacks records of {name} on their way to the lake"
            yield Function(
                _plain(f"delivery-{name}"), purpose, self.places.of(f'stream("{name}"'), (Delivery(name),), ()
            )

    def reports(self) -> Function:
        starts = tuple(
            Clock("report", each.name, self.places.of(f'"{each.name}"'), each.at) for each in self.platform.reports
        )
        # What was acknowledged before a report is in it: whoever sends it takes in what the writer has not yet.
        uses = (*self.writing(), *_asking((self.stage.mail, self.platform.reports)))
        return Function("report", "sends reports", starts[0].place, starts, _once(uses), alone=True)

    def watch(self) -> Function:
        """Freshness, failures and quarantine are looked at, and people told. Its own errors are the cloud's alarms."""
        place = self.places.settings().get("alerts", self.places.of("Platform("))
        start = Clock("watch", "", place, every=WATCH_EVERY)
        uses = [Use("log", "read", name) for name in self.streams()]
        uses += [Use("warehouse", "write"), *_asking((self.stage.warehouse, self.stage.alerts))]
        uses += [Use("alerts", "append", each) for each in self.stage.alerts if each.startswith(TOPIC)]
        purpose = "looks for stale models, failures and quarantine, and tells of them"
        return Function("watch", purpose, place, (start,), _once(uses), alone=True)

    def streams(self) -> list[str]:
        """The streams that the writer reads."""
        declared = [stream.name for stream in self.platform.streams if stream.name not in self.stage.delivered]
        return declared + _own(self.project)

    def handed(self) -> set[str]:
        """The streams of which views wait for the table, where the log has no positions by which to wait."""
        return _handed(self.project)


def _logs(project: Project, places: _Places) -> Iterator[Log]:
    backup = project.stage.deploy.backup if project.stage.deploy else ()
    into = {each.stream.name: each.into.name for each in project.platform.transforms}
    for each in project.platform.streams:
        place = places.of(f'stream("{each.name}"', f'"{each.name}"')
        if each.name in project.stage.delivered:
            yield Log(each.name, place, each.retention, each.keep, delivered=True, into=into.get(each.name, ""))
            continue
        yield Log(each.name, place, each.retention, each.keep, each.name in backup)
        if each.name in _handed(project):
            yield Log(HANDED_ON.format(each.name), place, each.retention, None)
    for name in _own(project):
        yield Log(name, places.of("Platform("), timedelta(days=7), None)


def _own(project: Project) -> list[str]:
    """The log's own streams: its quarantine, and the lineage where ids do not tell it."""
    tells = any(stream.id_field for stream in project.platform.streams)
    return ([QUARANTINE] if project.takes_records else []) + ([LINEAGE] if tells else [])


def _handed(project: Project) -> set[str]:
    if urlsplit(project.stage.log).scheme not in UNNUMBERED:
        return set()
    return {each.stream.name for each in project.platform.views if each.after is not None}


def _telling(into: Stream) -> tuple[Use, ...]:
    """What it takes to append what was made of a record: where ids do not tell of which, that is said besides."""
    return (Use("log", "append", into.name), *((Use("log", "append", LINEAGE),) if into.id_field else ()))


def _secrets(project: Project, places: _Places) -> Iterator[Secret]:
    platform = project.platform
    parts = (project.stage, platform.pulls, platform.endpoints, platform.reports, platform.publications)
    names = secrets_in(tuple(parts)) | ({TOKENS} if platform.streams or project.queries else set())
    for name in sorted(names):
        yield Secret(name, places.settings()["deploy"] if name == TOKENS else places.secret(name))


def _asking(declared: Any) -> tuple[Use, ...]:
    return tuple(Use("secret", "read", name) for name in sorted(secrets_in(declared)))


def _once(uses: Iterable[Use]) -> tuple[Use, ...]:
    return tuple(dict.fromkeys(uses))


def _plain(name: str) -> str:
    return name.replace("_", "-")
