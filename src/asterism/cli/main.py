"""The command `asterism`. Exit codes: 0 well, 1 the work failed, 2 the usage or the project is wrong."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import traceback
from typing import Annotated

import typer

from asterism.cli.common import Common, DebugOption, JsonOption, ProjectOption, StageOption, shown
from asterism.cli.verbs import (
    alerts,
    backfill,
    check,
    console,
    deploy,
    describe,
    destroy,
    draw,
    erase,
    events,
    new,
    plan,
    publish,
    pull,
    quarantine,
    query,
    rebuild,
    refresh,
    report,
    reset,
    run,
    runs,
    simulate,
    smoke,
    status,
    test,
    token,
    verify,
    view,
)
from asterism.errors import AsterismError, ProjectError

_HELP = """\
Events and operational tables into star schemas: declared once, run anywhere.

A first platform, a minute later:

- `asterism new shop --template totesys`   make the folder shop; go there
- `asterism simulate --limit 200`          fill an operational PostgreSQL, and live a little
- `asterism pull`                          load it, and make the stars
- `asterism query top_sales_staff`         ask a question
- `asterism run`                           keep everything up to date until stopped

Exit codes: 0 well, 1 the work failed, 2 the usage or the project is wrong.
"""

_REPORT = "Run it again with --debug, and report what that shows."

app = typer.Typer(
    name="asterism",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich doubles the time that `--help` takes
    context_settings={"help_option_names": ["-h", "--help"]},
    help=shown(_HELP),
)

for verb in (
    new,
    check,
    test,
    describe,
    draw,
    pull,
    backfill,
    refresh,
    publish,
    run,
    console,
    query,
    report,
    status,
    runs,
    verify,
    rebuild,
    simulate,
    token,
    quarantine,
    alerts,
    view,
    erase,
    events,
    reset,
    plan,
    deploy,
    smoke,
    destroy,
):
    verb.register(app)


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:  # a shell that completes the line wants no version
        from importlib.metadata import version

        typer.echo(f"asterism {version('asterism')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    project: ProjectOption = None,
    stage: StageOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    version: Annotated[  # noqa: ARG001 - its callback has done its work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep what stands before the verb for the verb."""
    context.obj = Common(project, stage, as_json, debug)


def sweep_seldom() -> None:
    """Look for garbage in cycles less often: parsing SQL makes little of it, and much that is looked at in vain."""
    gc.set_threshold(10_000, 20, 50)


def main() -> None:
    """Run the command line of this process, and exit."""
    sweep_seldom()
    arguments = sys.argv[1:]
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it cannot read is refused in our words
    try:
        app(arguments, prog_name="asterism")
    except AsterismError as error:
        _tell(error, as_json="--json" in arguments, debug="--debug" in arguments)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough; there is nobody to tell
        sys.exit(0)
    except Exception as error:
        if "_ASTERISM_COMPLETE" in os.environ:
            sys.exit(1)  # a shell asks what it may offer, in the middle of somebody's line
        if "--debug" in arguments:
            raise
        fault = AsterismError("asterism", f"met a fault of its own: {type(error).__name__}: {error}", _REPORT)
        _tell(fault, as_json="--json" in arguments, debug=False)
        sys.exit(fault.exit_code)


def _tell(error: AsterismError, *, as_json: bool, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    if as_json:
        from asterism.run.control import describe

        print(json.dumps(describe(error), ensure_ascii=False), file=sys.stderr)  # noqa: T201 - the command's own output
        return
    print(error, file=sys.stderr)  # noqa: T201 - the command's own output
    if isinstance(error, ProjectError):
        print(f"\n{error.fact} in {error.subject}", file=sys.stderr)  # noqa: T201 - the command's own output


if __name__ == "__main__":
    main()
