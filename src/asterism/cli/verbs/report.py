"""`asterism report`: show or send a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.declare.report import Report
from asterism.errors import UsageError
from asterism.project.nearest import suggestion
from asterism.project.variables import require


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, report)


def report(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A report of the platform.", autocompletion=complete.reports)
    ],
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="Its day; else yesterday, UTC.")] = "",
    send: Annotated[bool, typer.Option("--send", help="Send it now, by e-mail.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Show it as HTML.")] = False,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show a report, or send it now.

    - `asterism report daily-metrics`
    - `asterism report daily-metrics --day 2026-03-01 --send`

    What is sent in this way is sent beside the schedule of `asterism run`, which sends its own.
    """
    chosen = common(context, project, stage, as_json, debug)
    result = perform(chosen, "report", work, {"name": name, "day": day, "send": send})
    if chosen.json:
        show.as_json(result)
    elif send:
        show.remark(result["sent"])
    else:
        typer.echo(result["html" if html else "text"], nl=html)


def work(desk: Desk, arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Write a report of `day`; with `send`, send it too. Raises MailError."""
    from asterism.run.ledger import now
    from asterism.run.report import compose

    declared = _declared(desk, arguments["name"])
    if arguments["send"]:
        require(declared)
    moment = now()
    day = _day(arguments["day"]) if arguments["day"] else moment.date() - timedelta(days=1)
    letter = compose(desk.warehouse, declared, desk.project.queries, day)
    result = {"report": declared.name, "day": day.isoformat(), "subject": letter.subject}
    if not arguments["send"]:
        return {**result, "text": letter.text, "html": letter.html}
    if not desk.project.stage.mail:
        remedy = 'Write mail = "smtp://…" in the stage\'s section of asterism.toml.'
        raise UsageError(f"report {declared.name}", "the stage has no mail server", remedy)
    return {**result, "sent": _sent(desk, declared, day, moment, noted=False)}


def due(desk: Desk, name: str, *, called: bool = False) -> datetime | None:
    """The tick that a report is due for, or now where it was `called` for; None: it is not due. One statement."""
    from asterism.run.ledger import now
    from asterism.run.report import due as tick_of

    moment = now()
    return tick_of(desk.warehouse, _declared(desk, name), moment) or (moment if called else None)


def send(desk: Desk, name: str, tick: datetime) -> str:
    """Send a report that is due; answer what was done. What the log has already is in the tables first.

    Raises MailError, and what its queries raise; then it is as due as before.
    """
    if desk.project.takes_records:
        desk.writer.catch_up()
    return _sent(desk, _declared(desk, name), tick.date() - timedelta(days=1), tick)


def _sent(desk: Desk, declared: Report, day: date, tick: datetime, *, noted: bool = True) -> str:
    from asterism.run.report import compose, send

    letter = compose(desk.warehouse, declared, desk.project.queries, day)
    stage = desk.project.stage
    mailer = desk.wiring.mailer() if stage.mail else None
    return send(desk.warehouse, declared, letter, tick, mailer=mailer, sender=stage.sender, noted=noted)


def _declared(desk: Desk, name: str) -> Report:
    known = {each.name: each for each in desk.project.platform.reports}
    if name not in known:
        raise UsageError(name, "is not a report of this platform", suggestion(name, known))
    return known[name]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--day {text}", "is not a day", "Write it as 2026-01-31.") from error
