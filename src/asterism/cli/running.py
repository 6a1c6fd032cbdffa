"""Running: one `asterism run` at work, a schedule, the crew beside it, and requests of other commands."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asterism.cli.couriers import Couriers
from asterism.cli.crew import Crew
from asterism.cli.desk import Desk, Work
from asterism.cli.questions import LOOKING, VERBS, Questions
from asterism.cli.telemetry import Telemetry
from asterism.cli.verbs import (
    alerts,
    backfill,
    check,
    console,
    describe,
    erase,
    events,
    publish,
    pull,
    quarantine,
    refresh,
    report,
    runs,
    simulate,
    status,
    verify,
    view,
)
from asterism.cli.watch import Watch
from asterism.declare.source import Pull
from asterism.errors import AsterismError, EngineError, UsageError
from asterism.project.load import examine
from asterism.wire import vault

if TYPE_CHECKING:
    from asterism.run.control import Caller
    from asterism.run.publish import Published
    from asterism.run.schedule import Task

BESIDE: Mapping[str, Work] = {
    "alerts": alerts.work,
    "catalog": console.catalog,
    "check": check.work,
    "describe": describe.work,
    "erase": erase.work,
    "overview": console.overview,
    "pull": pull.work,
    "quarantine": quarantine.work,
    "refresh": refresh.work,
    "report": report.work,
    "runs": runs.work,
    "status": status.work,
    "verify": verify.work,
    "view": view.work,
}
"""What other commands may have done by a `run`."""
APART: Mapping[str, Work] = {"events": events.work, "simulate_events": simulate.work}
"""The same, without waiting for the warehouse."""
TURNING: Mapping[str, Callable[..., Any]] = {"backfill": backfill.work, "publish": publish.work}
"""The same, taking turns at the warehouse by themselves."""

WRITE_EVERY = timedelta(milliseconds=250)
"""How often the log is taken into the warehouse."""
CREW_EVERY = timedelta(seconds=1)
"""How often the HTTP server, triggers and reports are looked after."""
UPKEEP_EVERY = timedelta(minutes=1)
"""How often what is past its time is let go of."""
_LONGEST = 300.0  # seconds for which a held model is left alone
MODELS_EVERY = timedelta(seconds=2)
"""How often edited files and the clock's ticks are looked for."""


class Running:
    """One `run`: pulls and reports on this thread, the log's writer on another, requests on more; the desk in turns.

    Views, transforms and the HTTP server are the crew's.
    """

    def __init__(self, desk: Desk, telemetry: Telemetry, serve: tuple[str, int] | None) -> None:
        from asterism.run.schedule import Turns
        from asterism.run.trigger import Calls

        self.desk = desk
        self.say = telemetry.say
        self.turns = Turns()
        tracer, turn = telemetry.tracer, self.turns.turn
        self.watch = Watch(desk, turn, self.scheduled, self.say, self.troubled)
        self.crew = Crew(desk.project, desk.wiring, self.stumbled, serve, self.watch.well, tracer, telemetry.form)
        self.questions = Questions(desk, turn)
        self.couriers = Couriers(desk.project, lambda: desk.warehouse, turn, self.published, self.stumbled, tracer)
        self.telemetry = telemetry
        self.stopping = threading.Event()
        self.fault: BaseException | None = None
        self.calls = Calls(desk.wiring.log)
        self.seen = _written(desk.project.root)
        self.patience = self.again_at = 0.0  # how long held models are left alone, and until when

    def work(self) -> None:
        """Work until told to stop."""
        from asterism.run.control import Server
        from asterism.run.schedule import Schedule

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.stop())
        server = Server(Path(self.desk.project.stage.state), self.serve)
        server.start()
        try:
            self.say("started", f"running {self.desk.project.name} on {self.desk.project.stage.name}; Ctrl-C stops")
            self.crew.start()
            self.desk.crewed = True
            if self.crew.address:
                text = f"serving {self.crew.address}; `asterism console` prints a link into the console"
                self.say("serving", text, url=self.crew.address)
            self.couriers.start()
            self.schedule = Schedule(self.tasks(), self.failed)
            self.writing = Schedule(self.writers(), self.failed)
            writer = threading.Thread(target=self.write, name="writer")
            writer.start()
            self.watch.start()
            try:
                self.schedule.run(self.stopping.wait)
            finally:
                self.stopping.set()
                writer.join()
        finally:
            self.watch.stop()
            self.crew.stop()
            self.couriers.stop()
            server.close()
        with self.turns.turn():  # what is being carried out for others is finished first
            self.say("stopped", "stopped")
        server.wait()
        if self.fault is not None:
            raise self.fault

    def write(self) -> None:
        """The writer's schedule. A fault of ours there ends everything, as it does on the main thread."""
        try:
            self.writing.run(self.stopping.wait)
        except BaseException as fault:  # noqa: BLE001 - raised by the main thread
            self.fault = fault
            self.stopping.set()

    def writers(self) -> list[Task]:
        """What is done for the streams: a source that takes its time delays none of it."""
        from asterism.run.schedule import Task

        if not self.desk.project.takes_records:
            return []
        return [Task("streams", WRITE_EVERY, self.written), Task("upkeep", UPKEEP_EVERY, self.upkeep)]

    def tasks(self) -> list[Task]:
        """What is done by the clock."""
        from asterism.run.schedule import Task

        tasks = [Task("models", MODELS_EVERY, self.models), Task("crew", CREW_EVERY, self.crew.muster)]
        if self.crew.serve is not None:
            tasks.append(Task("http", CREW_EVERY, self.crew.look))
        if self.desk.project.platform.triggers:
            tasks.append(Task("triggers", CREW_EVERY, self.triggered))
        if any(each.notified for each in self.desk.project.pulls):
            tasks.append(Task("notifications", WRITE_EVERY, self.notified))
        if self.desk.project.stage.schedules:
            tasks += [Task(each.into, each.every, self.puller(each.into), each.at) for each in self.desk.project.pulls]
            tasks += [
                Task(each.name, CREW_EVERY, self.reporter(each.name)) for each in self.desk.project.platform.reports
            ]
        return tasks

    def written(self) -> bool:
        """Take what stands in the log into the warehouse."""
        with self.turns.turn():
            done = self.desk.writer.step()
        self.watch.halted(done.still)
        if done.records:
            tables = ", ".join(f"{r.table} -{r.removed} +{r.added}" for r in done.done.refreshed)
            text = f"streams: {done.records} records, {done.seconds:.3f} s{': ' + tables if tables else ''}"
            self.say("written", text, records=done.records, seconds=round(done.seconds, 6))
            self.couriers.call()
        return done.full

    def upkeep(self) -> bool:
        """Let go of what is past its time, in the log and everywhere."""
        with self.turns.turn():
            erase.upkeep(self.desk)
        self.questions.changed()
        return False

    def triggered(self) -> bool:
        """Make due what records of trigger streams call for."""
        from asterism.run.trigger import EVERYTHING

        platform = self.desk.project.platform
        names = self.calls.new(platform.triggers)
        for name in names:
            self.schedule.hasten(name)
        theirs = {*(each.name for each in platform.reports), *(each.into for each in self.desk.project.pulls)}
        theirs &= {each.name for each in self.schedule.tasks}
        self.calls.expect(theirs if EVERYTHING in names else theirs.intersection(names))
        return False

    def notified(self) -> bool:
        """Make due what notifications tell of."""
        from asterism.run.trigger import notified

        with self.turns.turn():
            names = notified(self.desk.project.pulls, self.desk.wiring.log(), self.desk.source)
        for name in names:
            self.schedule.hasten(name)
        return False

    def reporter(self, name: str) -> Callable[[], bool]:
        """The work of sending one report."""

        def work() -> bool:
            from asterism.run.settle import makers, settle

            with self.turns.turn():
                tick = report.due(self.desk, name, called=self.calls.awaits(name))
            if tick is None:
                return False
            if self.desk.project.takes_records:  # what was acknowledged before the report is in it
                settle(makers(self.desk.project.platform), self.desk.wiring.log(), self.stopping.wait)
            with self.turns.turn():
                sent = report.send(self.desk, name, tick)
            self.calls.done(name)
            self.say("reported", f"{name}: {sent}", report=name)
            return False

        return work

    def published(self, done: Published) -> None:
        """Tell of what a courier carried."""
        self.watch.well(f"publication {done.publication}")
        said = publish.described(done)
        tables = ", ".join(f"{t['table']} -{t['removed']} +{t['added']}" for t in said["tables"])
        text = f"published {done.publication}: {done.refreshes} refreshes, {done.seconds:.3f} s: {tables}"
        self.say("published", "\n".join([text, *(f"note: {notice}" for notice in done.notices)]), **said)

    def scheduled(self) -> list[Task]:
        """Everything that is done by the clock or for the streams, with how it fares."""
        return [*self.schedule.tasks, *self.writing.tasks]

    def stumbled(self, name: str, error: AsterismError) -> None:
        """What works on a thread of its own has failed."""
        self.watch.failed(name, error)
        self.troubled(name, error)

    def troubled(self, name: str, error: AsterismError) -> None:
        """Tell of a failure on another thread."""
        from asterism.run.control import describe

        self.say("failed", f"{name} failed, and is tried again\n{error}", task=name, **describe(error))

    def stop(self) -> None:
        """Stop after the step at hand; a second signal does not wait."""
        self.stopping.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def serve(self, verb: str, arguments: Mapping[str, Any], progress: Caller) -> Any:
        """Carry out a request of another command."""
        if verb == "metrics":
            return {"text": self.telemetry.metrics(self.watch.measures())}
        if verb in VERBS:
            return self.questions.serve(verb, arguments, progress)
        if verb == "address":
            return self.crew.address
        if verb in APART:
            return APART[verb](self.desk, arguments, progress)
        if verb in TURNING:
            answer = TURNING[verb](self.desk, arguments, progress, turn=self.turns.turn)
            self.moved()
            return answer
        if verb not in BESIDE:
            raise UsageError(verb, "cannot be done while `asterism run` works on the stage", "Stop it first.")
        with self.turns.turn():
            answer = BESIDE[verb](self.desk, arguments, progress)
        if verb not in LOOKING:
            self.moved()
        return answer

    def moved(self) -> None:
        """Data may have changed."""
        self.couriers.call()
        self.questions.changed()

    def puller(self, name: str) -> Callable[[], bool]:
        """The work of pulling one source: one step a turn, so that requests come in between during an initial load.

        What takes long and needs nothing of the warehouse, a day's download, is done out of turn.
        """
        from asterism.ports.source import Dated
        from asterism.run.pull import pull_apart, pull_step

        def work() -> bool:
            with self.turns.turn():
                declared = self.declared(name)
                if declared is None:
                    return False
                warehouse, source = self.desk.warehouse, self.desk.source(declared)
                done = None if isinstance(source, Dated) else pull_step(warehouse, declared, source)
                visible_at = _now()
            if done is None:
                done = pull_apart(warehouse, declared, source, self.turns.turn, self.desk.wiring.parquet())
                visible_at = _now()
            if done.refreshed:
                self.couriers.call()
            self.pulled(pull.described(done) | {"visible_at": visible_at})
            if done.complete:
                self.calls.done(name)
            return not done.complete

        return work

    def pulled(self, done: Mapping[str, Any]) -> None:
        """Tell of a pull that found something."""
        if not (done["rows"] or done["deletions"] or done["refreshed"] or done["notices"]):
            return
        tables = ", ".join(f"{r['table']} -{r['removed']} +{r['added']}" for r in done["refreshed"])
        text = f"{done['source']}: {done['rows']} rows, {done['deletions']} deleted, {done['seconds']:.3f} s"
        text += f": {tables}" if tables else ""
        self.say("pulled", "\n".join([text, *(f"note: {notice}" for notice in done["notices"])]), **done)

    def declared(self, name: str) -> Pull | None:
        """The pull of that name, as it is declared now."""
        return next((each for each in self.desk.project.pulls if each.into == name), None)

    def models(self) -> bool:
        """Take up edited files, and refresh what the clock or an edit calls for. What is held is tried ever less."""
        from asterism.run.rebuild import refresh as refresh_models

        written, again = _written(self.desk.project.root), time.monotonic() >= self.again_at
        with self.turns.turn():
            if written != self.seen:
                self.seen, again = written, True
                self.reload()
            done = refresh_models(self.desk.warehouse, again=again)
        if again:
            self.patience = min(2 * self.patience + 4, _LONGEST) if done.held else 0.0
            self.again_at = time.monotonic() + self.patience
        if self.couriers.project.publications != self.desk.project.publications:
            self.couriers.adopt(self.desk.project)
        if done.refreshed:
            self.couriers.call()
            described = refresh.described(done)
            self.say("refreshed", f"refreshed {', '.join(r['table'] for r in described['refreshed'])}", **described)
        return False

    def reload(self) -> None:
        """Take up the project's files as they are now; where they are wrong, go on with those before."""
        project, problems = examine(self.desk.project.root, self.desk.project.stage.name, vault=vault)
        if problems or project is None:
            text = "\n".join(str(problem) for problem in problems)
            self.say("problems", f"the edited files are wrong, going on with those before:\n{text}")
            return
        self.desk.adopt(project)
        self.questions.adopt(project)
        if project.platform.streams or self.crew.serve is not None:
            self.crew.adopt(project)
        self.schedule.replace(self.tasks())
        self.writing.replace(self.writers())
        self.say("reloaded", "the edited files are taken up")

    def failed(self, task: Any, error: AsterismError, delay: float) -> None:
        """Tell of a task that failed; a lost warehouse is opened anew."""
        if isinstance(error, EngineError):
            with self.turns.turn():
                self.desk.reopen()
        from asterism.run.control import describe

        text = f"{task.name} failed, and is tried again in {delay:.0f} s\n{error}"
        self.say("failed", text, task=task.name, retry_in=round(delay, 1), **describe(error))


def _written(root: Path) -> dict[Path, int]:
    """When each file of the project was written last."""
    files = [root / "asterism.toml", *root.glob("*.py"), *root.glob("models/*.sql"), *root.glob("queries/*.sql")]
    found = {}
    for file in files:
        try:
            found[file] = file.stat().st_mtime_ns
        except FileNotFoundError:  # an editor that replaces files takes them away for a moment
            found[file] = 0
    return found


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat()
