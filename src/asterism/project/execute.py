"""Runs a project's `platform.py`, which may do anything and fail in any way."""

from __future__ import annotations

import contextlib
import importlib.util
import platform  # noqa: F401 - before a project's own platform.py can be taken for the library's
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from asterism.declare.platform import Platform
from asterism.errors import Problem

_MODULE = "asterism_platform"


def execute(file: Path, root: Path) -> tuple[Platform | None, list[Problem]]:
    """Execute `file` with `root` importable; answer the one Platform that it leaves in its globals.

    What it prints goes to stderr, so that a command's own output stays clean. Modules that it imports from `root` are
    forgotten afterwards: another project may have some of the same names.
    """
    where = str(file.relative_to(root))
    if not file.is_file():
        return None, [Problem(where, "does not exist", 'Declare the platform in it: platform = Platform("name").')]
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if spec is None or spec.loader is None:
        return None, [Problem(where, "cannot be imported", "Is it a Python file?")]
    module = importlib.util.module_from_spec(spec)
    try:
        with _importable(root), contextlib.redirect_stdout(sys.stderr):
            sys.modules[_MODULE] = module
            spec.loader.exec_module(module)
    except SyntaxError as error:
        place = _inside(error.filename, error.lineno, root) or where
        return None, [Problem(place, f"is not Python: {error.msg}", "Correct the syntax.")]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's code may raise anything
        return None, [Problem(_place(error, root) or where, _said(error), _remedy(error))]
    return _only_platform(module, where)


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    before = dict(sys.modules)
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name, module in list(sys.modules.items()):
            if name not in before and _is_inside(getattr(module, "__file__", None), root):
                del sys.modules[name]


def _only_platform(module: ModuleType, where: str) -> tuple[Platform | None, list[Problem]]:
    platforms = {id(value): value for value in vars(module).values() if isinstance(value, Platform)}
    if not platforms:
        return None, [Problem(where, "declares no platform", 'Add platform = Platform("name").')]
    if len(platforms) > 1:
        names = ", ".join(repr(each.name) for each in platforms.values())
        return None, [Problem(where, f"declares {len(platforms)} platforms: {names}", "Keep one, or part the project.")]
    (found,) = platforms.values()
    return found, []


def _said(error: BaseException) -> str:
    text = str(error).strip()
    return f"raised {type(error).__name__}{f': {text}' if text else ''}"


def _remedy(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"Install {error.name}, or put it beside platform.py."
    return "Correct it; it must run without a database and without arguments."


def _place(error: BaseException, root: Path) -> str | None:
    """The innermost line of the project itself on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [_inside(frame.filename, frame.lineno, root) for frame in frames]
    return next((place for place in reversed(places) if place), None)


def _inside(filename: str | None, line: int | None, root: Path) -> str | None:
    if not _is_inside(filename, root):
        return None
    return f"{Path(str(filename)).relative_to(root)}:{line}"


def _is_inside(filename: str | None, root: Path) -> bool:
    if not filename or not Path(filename).is_relative_to(root):
        return False
    return not {".venv", "site-packages"} & set(Path(filename).relative_to(root).parts)
