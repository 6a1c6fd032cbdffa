"""What the parts of a platform are called, by its files alone: nothing is run, and what cannot be read has no names."""

from __future__ import annotations

import ast
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from asterism.project.settings import FILE

_SAID_IN: dict[str, tuple[str, ...]] = {
    "pull": ("into",),
    "stream": ("name",),
    "report": ("name",),
    "publish": ("name", "schema"),
}
"""The arguments that name a part, the first one that is given."""
_FIRST = frozenset({"stream", "report"})
"""What may be named by a first argument without a name."""
_BY_FUNCTION = frozenset({"view", "simulator"})
"""What has the name of the function that it decorates."""


def stages(root: Path) -> list[str]:
    """The stages of the project in the folder `root`."""
    with suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        document = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
        return [name for name, value in document.items() if isinstance(value, dict)]
    return []


def files(root: Path, folder: str) -> list[str]:
    """The models, or the queries, by the names of their files."""
    return sorted(file.stem for file in (root / folder).glob("*.sql"))


def declared(root: Path, kind: str) -> list[str]:
    """What `platform.py`, or a module beside it, declares by `platform.<kind>` under a name that is written there."""
    trees = [*_trees(root)]
    platforms = {name for tree in trees for name in _platforms(tree)}
    return [name for tree in trees for name in _names(tree, kind, platforms)]


def _trees(root: Path) -> Iterator[ast.Module]:
    for file in sorted(root.glob("*.py")):
        with warnings.catch_warnings(), suppress(OSError, ValueError, SyntaxError, RecursionError):
            warnings.simplefilter("ignore")
            yield ast.parse(file.read_bytes())


def _platforms(tree: ast.Module) -> Iterator[str]:
    """The variables that hold a platform."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made = ast.unparse(node.value.func).rpartition(".")[2]
            yield from (each.id for each in targets if isinstance(each, ast.Name) and made == "Platform")


def _names(tree: ast.Module, kind: str, platforms: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and kind in _BY_FUNCTION:
            if any(_declares(each, kind, platforms) for each in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.Call) and kind in _BY_FUNCTION:
            if _declares(node.func, kind, platforms):
                yield from (each.id for each in node.args if isinstance(each, ast.Name))
        elif isinstance(node, ast.Call) and _declares(node, kind, platforms):
            given = {each.arg: each.value for each in node.keywords}
            first = node.args[0] if node.args and kind in _FIRST else None
            said = next((given[name] for name in _SAID_IN[kind] if name in given), first)
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                yield said.value


def _declares(node: ast.expr, kind: str, platforms: set[str]) -> bool:
    """Whether this is a call of `platform.<kind>`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == kind
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in platforms
    )
