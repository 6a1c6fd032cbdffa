"""Values of options that are plainly what they are to be: Pydantic, of which Typer asks them, need not be imported.

That takes a third of the time in which a command starts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from typer.core import TyperArgument, TyperOption


def plainly(command: Any) -> Any:
    """The same command, which takes plain values as they are. All others are as Typer takes them, its errors too."""
    made = command.get_params

    def params(context: Any) -> list[Any]:
        found: list[Any] = made(context)
        for each in found:
            if getattr(each, "_runtime_param", each) is None:
                each._runtime_param = _Plain  # noqa: SLF001 - Typer has no other place for it
        return found

    command.get_params = params  # `--help` is among them, which no command has until it is asked
    for each in getattr(command, "commands", {}).values():
        plainly(each)
    return command


class _Plain:
    """Stands where Typer keeps how it reads an option's values."""

    @staticmethod
    def coerce(value: Any, param: TyperOption | TyperArgument, ctx: Any) -> Any:
        several = getattr(param, "multiple", False) or param.nargs == -1
        if value is None:
            return () if several else None
        told = param.type_descriptor
        read = None
        if told.parameter_info.parser is None:
            read = _READ.get(get_args(told.annotation)[0] if several else told.annotation)
        found = [read(each, param) if read else None for each in (value if several else (value,))]
        if None in found or (several and isinstance(value, str)):
            param._runtime_param = None  # noqa: SLF001 - Typer makes its own
            return param.get_runtime_param().coerce(value, param=param, ctx=ctx)
        return found if several else found[0]


def _text(value: Any, _: TyperOption | TyperArgument) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any, param: TyperOption | TyperArgument) -> int | None:
    told = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    return told if isinstance(told, int) and not isinstance(told, bool) and _within(told, param) else None


def _fraction(value: Any, param: TyperOption | TyperArgument) -> float | None:
    told = float(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}([.][0-9]{1,9})?", value) else value
    plain = isinstance(told, int | float) and not isinstance(told, bool)
    return float(told) if plain and _within(told, param) else None


def _within(told: float, param: TyperOption | TyperArgument) -> bool:
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    return (low is None or told >= low) and (high is None or told <= high)


def _path(value: Any, param: TyperOption | TyperArgument) -> Path | None:
    told = param.type_descriptor.parameter_info
    asks = told.exists or told.writable or told.resolve_path or not (told.file_okay and told.dir_okay)
    plain = isinstance(value, str) and not asks and (os.access(value, os.R_OK) or not Path(value).exists())
    return Path(value) if plain else None


_READ: Mapping[Any, Callable[[Any, TyperOption | TyperArgument], Any]] = {
    str: _text,
    int: _number,
    float: _fraction,
    Path: _path,
}
