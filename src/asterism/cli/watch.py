"""The watch of one `asterism run`: what is in trouble, since when, and who must know."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asterism.cli.desk import Desk
from asterism.cli.herald import Herald
from asterism.errors import AsterismError, LogError

if TYPE_CHECKING:
    from asterism.ports.meter import Measure
    from asterism.run.incidents import Incident
    from asterism.run.schedule import Task
    from asterism.run.status import PublicationStatus

LOOK_EVERY = 2.0
"""Seconds between two looks."""
_FAREWELL = 5.0
_GRACE = timedelta(seconds=60)
"""After the start: what was wrong before may not have been tried yet, and nothing may have been read."""
_TRIED = frozenset({"step", "freshness"})
"""Kinds of which nothing is known before a step was tried; the others can be seen at any time."""
_LOCAL = frozenset({"duckdb", "embedded", "file", "sqlite"})
Say = Callable[..., None]


class Watch:
    """A thread that looks every few seconds. It has the warehouse in turns, and delivers out of turn."""

    def __init__(
        self,
        desk: Desk,
        turn: Callable[[], AbstractContextManager[None]],
        tasks: Callable[[], Iterable[Task]],
        say: Say,
        failed: Callable[[str, AsterismError], None],
    ) -> None:
        from asterism.run.incidents import Incidents
        from asterism.run.ledger import now

        self.desk, self.turn, self.tasks, self.say = desk, turn, tasks, say
        self.incidents = Incidents()
        self.as_of: dict[str, datetime] = {}
        """As of when each model shows its sources."""
        self.disks: dict[Path, tuple[int, int]] = {}
        self.behind: tuple[PublicationStatus, ...] = ()
        self._herald = Herald(desk.wiring.alerts, failed)
        self._tell = failed
        self._still: frozenset[str] = frozenset()
        self._started = now()
        self._is_read = False
        self._unnoted: list[Incident] = []
        self._in_ledger: list[Incident] = []
        self._crew: dict[str, Incident] = {}
        self._polled: dict[str, datetime] = {}
        self._shown: set[str] = set()
        """The models whose sources have been read since the start."""
        self._is_waited_for = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what is being delivered is waited for, but not for long."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL)
        self._is_waited_for = False

    def failed(self, name: str, error: AsterismError) -> None:
        """What works on a thread of its own has failed."""
        from asterism.run.incidents import Incident
        from asterism.run.ledger import now

        self._crew.setdefault(name, Incident("step", name, *_told(error), now(), None))

    def well(self, name: str) -> None:
        """It works again."""
        self._crew.pop(name, None)

    def halted(self, still: Mapping[str, AsterismError]) -> None:
        """Which streams stand still now, and why, while the others go on."""
        for name in self._still - still.keys():
            self.well(f"stream {name}")
        for name in still.keys() - self._still:
            self.failed(f"stream {name}", still[name])
            self._tell(f"stream {name}", still[name])
        self._still = frozenset(still)

    def measures(self) -> list[Measure]:
        """How everything is: what the last look has found, and the log as it is now."""
        from asterism.run import gauges
        from asterism.run.ledger import now

        platform, at = self.desk.project.platform, now()
        found = [*gauges.fresh(self.as_of, self._polled, at), *gauges.published(self.behind)]
        found += gauges.troubled(self.incidents, self.disks)
        if self.desk.project.takes_records:
            with suppress(LogError):
                found += gauges.queued(platform, self.desk.wiring.log())
        return found

    def look(self) -> None:
        """Look once: take up troubles, tell of them, note both in the ledger."""
        from asterism.run.ledger import now
        from asterism.run.trouble import full, usage

        project, at, tasks = self.desk.project, now(), [*self.tasks()]
        self.disks = usage(_folders(project.stage))
        try:
            with self.turn():
                if self._stop.is_set():
                    return
                self._ask(tasks, at)
        except AsterismError:
            pass  # a warehouse that is down shows in the steps; what it said last stands
        troubles = [*self._steps(tasks), *self._crew.values(), *self._in_ledger]
        troubles += full(self.disks, project.stage.disk_limit, at)
        changed = self.incidents.look(troubles, at, self._unsure(tasks, at))
        for each in changed:
            self._announce(each)
        self._unnoted += [*changed, *self._herald.tell(project, self.incidents)]
        self._note(at)

    def _unsure(self, tasks: list[Task], at: datetime) -> set[str]:
        """Who may be well or not: what has not been tried yet, and after the start whoever was in trouble before."""
        untried = {self._subject(task.name) for task in tasks if task.done_at is None and not task.failures}
        if at - self._started >= _GRACE:
            return untried
        tried = self._shown | {self._subject(task.name) for task in tasks} - untried
        before = {each.subject for each in self.incidents if each.since < self._started and each.kind in _TRIED}
        return untried | before - tried

    def _work(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            try:
                self.look()
            except AsterismError:
                continue  # it is looked again soon

    def _ask(self, tasks: list[Task], at: datetime) -> None:
        """What the ledger knows. In turn."""
        from asterism.run import incidents, trouble
        from asterism.run.status import publication_status

        warehouse, project = self.desk.warehouse, self.desk.project
        if not self._is_read:
            self._remember(incidents.read(warehouse.session))
        self.behind = tuple(publication_status(warehouse.ledger, each.name) for each in project.publications)
        states = warehouse.ledger.models()
        models = [each for each in project.models.values() if each.name in states]
        read = {task.name: task.done_at for task in tasks if task.done_at is not None}
        behind = {each for feeding in trouble.feeds(models).values() for each in feeding}
        for source in (behind | {each.into for each in project.pulls}) - read.keys():
            position = warehouse.ledger.position(source)
            if position is not None:
                read[source] = position.polled_at
        self._polled, feeds = read, trouble.feeds(models)
        lately = {task.name for task in tasks if task.done_at is not None}
        self._shown = {f"model {name}" for name, feeding in feeds.items() if feeding and feeding <= lately}
        self.as_of = trouble.fresh_as_of(feeds, states, read)
        fallback = project.stage.freshness or project.platform.freshness
        objectives = {each.name: each.freshness or fallback for each in models}
        wanted = {name: each for name, each in objectives.items() if each is not None}
        known = {name: each for name, each in states.items() if name in project.models}
        self._in_ledger = [*trouble.held(known, at), *trouble.quarantined(warehouse, at)]
        if at - self._started > _GRACE or all(each < at - self._started for each in wanted.values()):
            self._in_ledger += trouble.stale(self.as_of, wanted, at)

    def _remember(self, known: list[Incident]) -> None:
        """Go on with the incidents of before; what began meanwhile and is one of them is the same."""
        from asterism.run.incidents import Incidents

        begun = {(each.kind, each.subject): each for each in self.incidents if each.over_at is None}
        merged = []
        for each in known:
            same = begun.pop((each.kind, each.subject), None) if each.over_at is None else None
            merged.append(replace(each, told=each.told | same.told) if same else each)
        self.incidents = Incidents([*merged, *begun.values()])
        self.incidents.settle()
        self._is_read = True

    def _steps(self, tasks: list[Task]) -> list[Incident]:
        from asterism.run.incidents import Incident

        return [
            Incident(
                "step",
                self._subject(task.name),
                *_told(task.error),
                task.failing_since,
                task.done_at or self._polled.get(task.name),
            )
            for task in tasks
            if task.error is not None and task.failing_since is not None
        ]

    def _subject(self, task: str) -> str:
        if any(each.into == task for each in self.desk.project.pulls):
            return f"source {task}"
        if any(each.name == task for each in self.desk.project.platform.reports):
            return f"report {task}"
        return f"step {task}"

    def _announce(self, incident: Incident) -> None:
        from asterism.run.notice import headline
        from asterism.run.values import as_json

        told = {"kind": incident.kind, "subject": incident.subject, "fact": incident.fact}
        times = {"since": as_json(incident.since), "over_at": as_json(incident.over_at)}
        self.say("incident", f"{headline(incident)}: {incident.fact}", **told, **times)

    def _note(self, at: datetime) -> None:
        from asterism.run import incidents

        if not self._unnoted:
            return
        latest = {(each.kind, each.subject, each.since): each for each in self._unnoted}
        try:
            with self.turn():
                if self._stop.is_set() and not self._is_waited_for:  # the warehouse may be closed by now
                    return
                incidents.note(self.desk.warehouse.session, [*latest.values()], at)
        except AsterismError:
            self._unnoted = [*latest.values()]  # the next look tries again
        else:
            self._unnoted = []


def _told(error: AsterismError | None) -> tuple[str, str]:
    """What an error says, and what is to be done."""
    if error is None:
        return "", ""
    return f"{error.subject}: {error.fact}", error.remedy or "`asterism status` shows more."


def _folders(stage: Any) -> list[Path]:
    """The local places of a stage."""
    uris = [
        each
        for each in (stage.warehouse, stage.lake, stage.log, stage.views, stage.events)
        if urlsplit(each).scheme in _LOCAL
    ]
    paths = [Path(each.partition("://")[2].replace("//", "/", 1)) for each in uris if not each.endswith(":memory:")]
    return [Path(stage.state), *paths]
