"""The graph of a deployment: functions, what starts them and what they use. The same for every cloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from asterism.declare.deployment import Deployment

Access = Literal["read", "append", "write"]
"""What is done with a store: `append` to a log, without reading it; `write` reads as well."""
Thing = Literal["log", "views", "events", "lake", "warehouse", "source", "secret", "alerts", "catalogue"]


@dataclass(frozen=True, slots=True)
class Use:
    """A function's need of something. `name` is the stream's, the secret's or the source's; else empty."""

    thing: Thing
    access: Access
    name: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """Requests by HTTP start it."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a stream start it, as the consumer of that name: `warehouse`, `view-NAME`, `events-STREAM`, say."""

    stream: str
    consumer: str


@dataclass(frozen=True, slots=True)
class Clock:
    """The time starts it: a cron expression in UTC, or every so often. `verb` and `name` say what it is to do."""

    verb: str
    name: str
    place: str
    cron: str = ""
    every: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects that appear under `url` start the pull `name`."""

    url: str
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """The cloud's own delivery of a stream to the lake has it look at each record, and waits for the answer."""

    stream: str
    transform: str = ""
    """What is made of the record on the way; empty: it is unpacked."""


Start = Door | Records | Clock | Objects | Delivery


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer of a stream, by the name that the log knows it by."""

    stream: str
    consumer: str


@dataclass(frozen=True, slots=True)
class Function:
    """A piece of the platform that runs by itself."""

    name: str
    purpose: str
    place: str
    """The file and line of its declaration."""
    starts: tuple[Start, ...]
    uses: tuple[Use, ...]
    alone: bool = False
    """Whether one of it runs at a time, at most."""
    readers: tuple[Reader, ...] = ()
    """As whom it reads the log."""

    @property
    def is_answering(self) -> bool:
        """Whether whoever calls it waits for its answer, so that nothing it fails at is lost."""
        return all(isinstance(start, Door | Delivery) for start in self.starts)

    def uses_of(self, thing: Thing) -> tuple[Use, ...]:
        """Its uses of one thing."""
        return tuple(use for use in self.uses if use.thing == thing)


@dataclass(frozen=True, slots=True)
class Log:
    """A stream, as a broker keeps it."""

    name: str
    place: str
    retention: timedelta
    keep: timedelta | None
    """How long the lake keeps its records; None: for good."""
    backup: bool = False
    """Whether they go to the lake by the cloud's own delivery as well, as they came."""
    delivered: bool = False
    """Whether they go there by that delivery alone, and the broker has none of them."""
    into: str = ""
    """Of a delivered stream: the stream that it becomes on the way, besides; empty: none."""

    @property
    def is_own(self) -> bool:
        """Whether it is the platform's own, and nobody posts to it."""
        return self.name.startswith("_") or "~" in self.name


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, by its name alone, and where it is asked for."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Stores:
    """Where data lives, as the stage's URIs say it."""

    warehouse: str
    lake: str
    log: str
    views: str
    events: str = ""
    delivery: str = ""
    """Empty: no stream is delivered."""
    families: tuple[str, ...] = ()
    """Column families of the event store; none: this stage stores no events."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything of a platform that is deployed on a stage."""

    platform: str
    stage: str
    production: bool
    target: Deployment
    stores: Stores
    functions: tuple[Function, ...]
    logs: tuple[Log, ...]
    secrets: tuple[Secret, ...]
    variables: tuple[tuple[str, str], ...]
    """Of the environment that the project was read in: what it refers to, without the secrets."""
    places: tuple[tuple[str, str], ...]
    """Of the stage's settings: the file and line of each."""

    def place(self, setting: str) -> str:
        """Where a setting of the stage stands."""
        return dict(self.places).get(setting, dict(self.places)[""])

    def sealed(self, function: Function) -> tuple[str, ...]:
        """The secrets that a function has no permission to read."""
        open_ = {use.name for use in function.uses_of("secret")}
        return tuple(secret.name for secret in self.secrets if secret.name not in open_)


def named(graph: Graph) -> Graph:
    """The same with names where the settings leave them out."""
    name = graph.target.name or f"{graph.platform}-{graph.stage}".replace("_", "-")
    artifacts = graph.target.artifacts or f"{name}-artifacts"
    return replace(graph, target=replace(graph.target, name=name, artifacts=artifacts))
