"""How results reach people and programs: tables and JSON on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import typer

_LEAST = 8
"""Characters that a column of text keeps in a narrow terminal."""


def as_json(value: Any) -> None:
    """One JSON value on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def remark(text: str) -> None:
    """A line for a person, on stderr, so that stdout stays the result's."""
    typer.echo(text, err=True)


def counted(count: int, noun: str) -> str:
    """`1 table`, `2 tables`, `2 queries`."""
    return f"{count} {noun if count == 1 else noun.removesuffix('y') + 'ies' if noun.endswith('y') else noun + 's'}"


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, numeric: frozenset[int] = frozenset(), title: str = ""
) -> None:
    """Rows under a head. `numeric` are the places of columns whose values stand at the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    # Text, and not markup: what a value holds is shown as it is.
    cells = [[Text("NULL", "dim") if value is None else Text(plain_text(value)) for value in row] for row in rows]
    widths = [max(len(column), *(row[place].cell_len for row in cells), 0) for place, column in enumerate(columns)]
    # A figure in two lines would be read as another: where there is room, texts alone are folded.
    room = console.width - sum(widths[place] for place in numeric) - 3 * len(columns) - 1
    whole = room >= _LEAST * (len(columns) - len(numeric))
    grid = Table(title=title or None, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if place in numeric else "left"
        grid.add_column(Text(column), justify=justify, overflow="fold", no_wrap=whole and place in numeric)
    for row in cells:
        grid.add_row(*row)
    if not console.is_terminal:
        # A pipe has no width of its own, and rows are not to be folded for the sake of eighty columns.
        console = Console(width=max(Console(width=100_000).measure(grid).maximum, 1))
    console.print(grid)


def comma_separated(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """CSV on stdout as in RFC 4180. NULL is an empty field, an empty text is `""`."""
    for line in (columns, *(row.values() for row in rows)):
        typer.echo(",".join(_field(value) for value in line))


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = plain_text(value)
    return text if re.fullmatch(r"[^\s,\"][^,\"\r\n]*", text) else '"' + text.replace('"', '""') + '"'


def plain_text(value: Any) -> str:
    """A JSON value as a person or a spreadsheet reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Progress bars on stderr, a bar a step, where stderr is a terminal; silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _step, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield tell
