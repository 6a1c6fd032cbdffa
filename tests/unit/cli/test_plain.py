"""What is taken without Pydantic is what Typer takes, and what is refused is refused in its words."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from asterism.cli.plain import plainly

VALUES = [
    "",
    "a",
    "7",
    "007",
    "-1",
    "+3",
    " 4",
    "1_0",
    "1.5",
    "1e3",
    ".5",
    "nan",
    "11",
    "9" * 30,
    "true",
    "\u0664",
    "é",
    "a,b",
    ".",
]
COMMAND = "import sys; sys.argv = ['asterism', *sys.argv[1:]]; from asterism.cli.main import main"


def made() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.command()
    def verb(
        word: Annotated[str, typer.Argument()],
        more: Annotated[list[str] | None, typer.Option("--more")] = None,
        count: Annotated[int, typer.Option("--count", min=1, max=10)] = 5,
        number: Annotated[int | None, typer.Option("--number")] = None,
        speed: Annotated[float, typer.Option("--speed", min=0)] = 1.0,
        folder: Annotated[Path | None, typer.Option("--folder")] = None,
        there: Annotated[Path | None, typer.Option("--there", exists=True, dir_okay=False)] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> None:
        typer.echo([word, more, count, number, speed, folder, there, flag])

    return app


def said(command: Any, given: list[str]) -> tuple[object, str]:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out), pytest.raises(SystemExit) as end:
        command(given, prog_name="verb")
    return end.value.code, out.getvalue()


@pytest.mark.parametrize("option", ["", "--more", "--count", "--number", "--speed", "--folder", "--there"])
def test_values_are_what_typer_makes_of_them(option: str, tmp_path: Path) -> None:
    for value in (*VALUES, str(tmp_path), str(tmp_path / "none"), __file__):
        given = ["word", option, value, "--flag"] if option else ["--", value]
        as_typer = said(typer.main.get_command(made()), given)
        assert said(plainly(typer.main.get_command(made())), given) == as_typer, value


@pytest.mark.parametrize("arguments", [["token", "list"], ["simulate", "--limit", "5"], ["run", "--port", "0"]])
def test_no_command_waits_for_pydantic(arguments: list[str], tmp_path: Path) -> None:
    code = f"{COMMAND}\ntry: main()\nexcept SystemExit as end: print(end.code, 'pydantic' in sys.modules)"
    command = [sys.executable, "-c", code, *arguments, "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"], done.stderr
