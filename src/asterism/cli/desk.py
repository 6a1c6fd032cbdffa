"""Where a verb works: a project, its adapters and its warehouse, made when they are first needed.

A verb's work is a function of (desk, arguments, progress) to JSON values. `perform` has it done here, or by the `run`
that holds the stage: the same function either way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asterism.declare.source import Pull
from asterism.errors import LakeError, LockedError, UsageError
from asterism.ports.source import Source
from asterism.ports.tracer import Tracer
from asterism.project.load import Project, load
from asterism.project.nearest import suggestion
from asterism.project.variables import require
from asterism.run.trace import SILENT
from asterism.wire import vault

if TYPE_CHECKING:
    # The kernel brings sqlglot with it, and `--help` does not wait for that; functions of clouds need no Typer.
    from asterism.cli.common import Common
    from asterism.run.consume import Writer
    from asterism.run.streams import Streams
    from asterism.run.warehouse import Warehouse
    from asterism.wire import Wiring

Progress = Callable[[str, int, int | None], None]
Work = Callable[["Desk", Mapping[str, Any], Progress], Any]

PATIENCE = 10.0
"""Seconds that a command waits for another that holds the stage."""


class Desk:
    """One project on one stage. Used by one thread at a time."""

    def __init__(self, project: Project, wiring: Wiring, tracer: Tracer = SILENT) -> None:
        self.project = project
        self.wiring = wiring
        self.tracer = tracer
        self.crewed = False
        """Whether transforms and views are at work on other threads."""
        self._sources: dict[str, Source] = {}

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, opened."""
        from asterism.run.streams import Streams
        from asterism.run.warehouse import Warehouse

        declared = self.project.platform.streams
        models = tuple(self.project.models.values())
        try:
            engine, lake, parquet = self.wiring.engine(), self.wiring.lake(), self.wiring.parquet()
            streams = Streams.of(declared, self.wiring.lines()) if self.project.takes_records else None
            landing, register, tracer = _lands(self.project), self.wiring.register(), self.tracer
            dated = frozenset(pull.into for pull in self.project.pulls if pull.dated)
            return _opened(Warehouse(engine, lake, parquet, models, landing, streams, register, tracer, dated))
        except BaseException:
            self.wiring.close()  # or the next try would meet a file that this one still has open
            raise

    @property
    def streams(self) -> Streams:
        """The streams of the platform. Raises UsageError where it has none."""
        if self.warehouse.streams is None:
            remedy = "Declare one in platform.py with platform.stream."
            raise UsageError(self.project.name, "has no stream", remedy)
        return self.warehouse.streams

    @cached_property
    def writer(self) -> Writer:
        """The warehouse's reader of the log."""
        from asterism.run.consume import Writer

        awaited = {view.stream.name for view in self.project.platform.views if view.after is not None}
        return Writer(self.warehouse, self.streams, self.wiring.log(), awaited)

    def catch_up(self) -> None:
        """Take into the tables what the log has now, and all that transforms and views make of it.

        Raises LogError, and SourceError where a stream stands still: its table lacks what the log has.
        """
        from asterism.run.settle import make, makers, settle

        platform, log, storings = self.project.platform, self.wiring.log(), self.project.platform.storings
        if self.crewed:
            settle(makers(platform, storings), log)
        else:
            make(platform, log, self.wiring.states(), storings, self.wiring.events(self.project))
        self.writer.catch_up()
        for error in self.writer.still().values():
            raise error

    def reopen(self) -> None:
        """Close everything; what is needed is opened anew. For when a connection has been lost."""
        self.__dict__.pop("warehouse", None)
        self.__dict__.pop("writer", None)
        self._sources.clear()
        self.wiring.close()

    def adopt(self, project: Project) -> None:
        """Go on with the same project after its files were edited."""
        streams = (project.platform.streams, self.project.platform.streams)
        if project.pulls != self.project.pulls or project.stage != self.project.stage or streams[0] != streams[1]:
            self.reopen()
            self.wiring.stage = project.stage
        elif "warehouse" in self.__dict__:
            models = tuple(project.models.values())
            landing = _lands(project)
            self.warehouse = _opened(replace(self.warehouse, models=models, processed=landing, _compiled=None))
            self.__dict__.pop("writer", None)  # it has the warehouse of before
        self.project = project

    def source(self, pull: Pull) -> Source:
        """The source of `pull`, connected."""
        if pull.into not in self._sources:
            self._sources[pull.into] = self.wiring.source(pull)
        return self._sources[pull.into]

    def pulls(self, names: list[str]) -> list[Pull]:
        """The pulls by these names, or all. Raises UsageError for an unknown one, ProjectError for a missing value."""
        known = {pull.into: pull for pull in self.project.pulls}
        for name in names:
            if name not in known:
                raise UsageError(name, "is not a source of this platform", suggestion(name, known))
        found = [known[name] for name in names] if names else [*known.values()]
        require(*(each.source for each in found))
        return found


def _lands(project: Project) -> bool:
    """Whether models' change sets are landed: publications live on them, whatever the stage says."""
    return project.stage.processed or bool(project.publications)


def _opened(warehouse: Warehouse) -> Warehouse:
    """Bring the ledger and the streams' tables up to date now, in transactions of their own: work begins another."""
    from asterism.run.consume import stand_tables

    warehouse.ledger  # noqa: B018 - asking for it prepares it
    if warehouse.streams is not None:
        with suppress(LakeError):  # records are landed that this warehouse has not: whoever writes says what to do
            stand_tables(warehouse, warehouse.streams)
    return warehouse


def perform(
    common: Common,
    verb: str,
    work: Work,
    arguments: Mapping[str, Any],
    *,
    alone: bool = False,
    project: Project | None = None,
) -> Any:
    """Have a verb's work done, here or by the `run` that holds the stage, and answer its result.

    `alone` says that it cannot be done beside `run`; `project` is given where it has been read already.

    Raises ProjectError, LockedError, and what the work raises.
    """
    from asterism.cli.show import progress_bars
    from asterism.instruments import tracers
    from asterism.run import control
    from asterism.run.lock import StageLock
    from asterism.run.trace import together
    from asterism.wire import Wiring

    project = project or load(common.root(), common.stage, vault=vault)
    state = Path(project.stage.state)
    with progress_bars(quiet=common.json) as progress:
        until = time.monotonic() + (0 if alone and control.is_served(state) else PATIENCE)
        while True:
            client = None if alone else control.connect(state)
            if client is not None:
                return client.call(verb, arguments, progress)
            try:
                # Short waits: what holds the stage may be a `run` that is about to open its control channel.
                with (
                    StageLock(project.stage, verb, wait=0.1),
                    closing(together(tracers(project.name, project.stage.name))) as tracer,
                    Wiring(project.stage) as wiring,
                ):
                    return work(Desk(project, wiring, tracer), arguments, progress)
            except LockedError:
                if time.monotonic() >= until:
                    raise
