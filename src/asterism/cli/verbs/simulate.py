"""`asterism simulate`: made-up traffic in a source's database."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import Common, DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress
from asterism.declare.simulator import Simulator
from asterism.declare.stream import EventSimulator
from asterism.errors import UsageError
from asterism.project.load import Project, load
from asterism.project.nearest import suggestion
from asterism.project.variables import require
from asterism.wire import vault

if TYPE_CHECKING:
    from asterism.ports.log import Log


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, simulate)


def simulate(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="The simulator, where the platform has several.", autocompletion=complete.simulators),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="Stop after so many transactions, or events.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="X", help="Simulated seconds a second; 0 is as fast as it goes.")
    ] = 60.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same data.")] = 0,
    prepare: Annotated[bool, typer.Option("--prepare", help="Only make the database, where it is empty.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Play made-up traffic into a source or a stream.

    Makes a source's database where it is empty, and then lives in it until stopped, or for so many transactions. Into a
    stream it sends events, until stopped or so many.

    - `asterism simulate --prepare`
    - `asterism simulate --limit 200 --speed 0`
    - `asterism simulate --speed 3600` in one terminal, `asterism run` in another

    Refused in production.
    """
    from asterism.run import simulate as verbs
    from asterism.run.pace import refuse_simulation
    from asterism.run.values import as_json as json_value
    from asterism.wire import Wiring

    chosen = common(context, project, stage, as_json, debug)
    loaded = load(chosen.root(), chosen.stage, vault=vault)
    refuse_simulation(loaded.stage)
    simulator = _one(loaded, name)
    stopping = _until_stopped()
    if isinstance(simulator, EventSimulator):
        if prepare:
            raise UsageError("--prepare", f"{simulator.name} has no database to make", "Leave it out.")
        with Wiring(loaded.stage) as wiring, show.progress_bars(quiet=chosen.json) as progress:
            _events(simulator, wiring.log(), chosen, stopping, progress, limit=limit, speed=speed, seed=seed)
        return
    require(simulator.source)
    with Wiring(loaded.stage) as wiring, show.progress_bars(quiet=chosen.json) as progress:
        player = wiring.player(simulator)
        if prepare:
            result: dict[str, Any] = {"prepared": verbs.prepare(simulator, player, seed=seed)}
        else:
            done = 0

            def on_commit(_transaction: Any) -> None:
                nonlocal done
                done += 1
                progress(f"simulating {simulator.name}", done, limit)

            report = verbs.simulate(
                simulator, player, limit=limit, speed=speed, seed=seed,
                sleep=stopping.wait, stopped=stopping.is_set, on_commit=on_commit,
            )  # fmt: skip
            result = {
                "prepared": report.prepared,
                "transactions": report.transactions,
                "rows": report.rows,
                "begin": json_value(report.begin),
                "end": json_value(report.end),
            }
    if chosen.json:
        show.as_json({"simulator": simulator.name, **result})
        return
    show.remark(f"{simulator.name}: the database {'was made' if result['prepared'] else 'stood already'}")
    if "transactions" in result:
        show.remark(
            f"{result['transactions']} transactions, {result['rows']} rows, {result['begin']} to {result['end']}"
        )


def _events(
    simulator: EventSimulator,
    log: Log,
    chosen: Common,
    stopping: threading.Event,
    progress: Progress,
    **how: Any,
) -> None:
    from asterism.run.simulate_events import simulate_events
    from asterism.run.values import as_json as json_value

    report = simulate_events(
        simulator,
        log,
        sleep=stopping.wait,
        stopped=stopping.is_set,
        on_append=lambda done: progress(f"simulating {simulator.name}", done, how["limit"]),
        **how,
    )
    begin, end = json_value(report.begin), json_value(report.end)
    if chosen.json:
        show.as_json({"simulator": simulator.name, "events": report.events, "begin": begin, "end": end})
    else:
        show.remark(f"{simulator.name}: {report.events} events{f', {begin} to {end}' if begin else ''}")


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Play `limit` events of the simulator `name`; only of streams. Refused where simulating is not allowed."""
    from asterism.run.pace import refuse_simulation
    from asterism.run.simulate_events import simulate_events

    refuse_simulation(desk.project.stage)
    known = {simulator.name: simulator for simulator in desk.project.event_simulators}
    if arguments["name"] not in known:
        raise UsageError(arguments["name"], "is not a simulator of a stream", suggestion(arguments["name"], known))
    limit, speed, seed = int(arguments["limit"]), float(arguments["speed"]), int(arguments.get("seed", 0))
    report = simulate_events(known[arguments["name"]], desk.wiring.log(), limit=limit, speed=speed, seed=seed)
    return {"simulator": arguments["name"], "events": report.events}


def _one(project: Project, name: str | None) -> Simulator | EventSimulator:
    known = {simulator.name: simulator for simulator in project.platform.simulators}
    if not known:
        raise UsageError(project.name, "has no simulator", "Declare one in platform.py with platform.simulator.")
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise UsageError(project.name, f"has {len(known)} simulators", f"Name one: {', '.join(known)}.")
    if name not in known:
        raise UsageError(name, "is not a simulator of this platform", suggestion(name, known))
    return known[name]


def _until_stopped() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM: what is pending is committed, and the report is still given."""
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        stopping.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
