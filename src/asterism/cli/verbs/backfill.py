"""`asterism backfill`: ask a source for days again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from typing import Annotated, Any

import typer

from asterism.cli import complete, show
from asterism.cli.common import DebugOption, JsonOption, ProjectOption, StageOption, add, common
from asterism.cli.desk import Desk, Progress, perform
from asterism.cli.verbs.pull import described
from asterism.cli.verbs.refresh import changes
from asterism.errors import UsageError

Turn = Callable[[], AbstractContextManager[object]]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    add(app, backfill)


def backfill(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="The source, by the schema it lands in.", autocompletion=complete.sources)
    ],
    start: Annotated[str, typer.Option("--start", help="The first day, as 2026-01-31 (UTC).")],
    end: Annotated[str | None, typer.Option("--end", help="The last day; --start without it.")] = None,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ask a source for days again.

    For sources that know days, such as Amplitude. Each day is committed before the next is asked for, with the models
    behind it; where the next pull begins stays as it is. After a failure, repeat it: rows that are there already, and
    equal, change nothing.

    - `asterism backfill amplitude --start 2026-01-01 --end 2026-01-31`
    """
    chosen = common(context, project, stage, as_json, debug)
    days = _day("--start", start), _day("--end", end or start)
    arguments = {"source": source, "start": days[0].isoformat(), "end": days[1].isoformat()}
    result = perform(chosen, "backfill", work, arguments)
    if chosen.json:
        show.as_json(result)
    else:
        for each in result["days"]:
            show.remark(f"{source} {each['day']}: {each['rows']} rows read, {each['seconds']:.2f} s")
            changes(each)
    if any(each["held"] for each in result["days"]):
        raise typer.Exit(1)


def work(desk: Desk, arguments: Mapping[str, Any], progress: Progress, *, turn: Turn = nullcontext) -> dict[str, Any]:
    """Pull the days of `source` from `start` to `end` again; `turn` is held while each is committed."""
    from asterism.run.backfill import backfill as backfill_days

    (declared,) = desk.pulls([arguments["source"]])
    first, last = date.fromisoformat(arguments["start"]), date.fromisoformat(arguments["end"])
    source, parquet = desk.wiring.source(declared), desk.wiring.parquet()  # a schedule may be using the desk's
    steps = backfill_days(desk.warehouse, declared, source, first, last, turn, parquet, progress)
    days = [
        described(step) | {"day": (first + timedelta(days=number)).isoformat()} for number, step in enumerate(steps)
    ]
    return {"source": declared.into, "days": days}


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(option, f"{text!r} is not a day", "Write it as 2026-01-31.") from error
