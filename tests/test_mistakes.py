"""Each mistake that others made has a test here that would catch it: `docs/mistakes.md` says which, and it is there."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SEEN = {"jupiter": 13, "occupancy": 8, "user_data": 8, "totesys": 10, "liberta": 11}
"""How many were seen in systems of each kind."""
_CODE = {"eval", "exec", "compile", "__import__"}


def sheets() -> dict[str, list[tuple[str, list[str]]]]:
    """The mistakes by example, each with the tests that it names."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for line in (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            rows = found[line.removeprefix("## ")] = []
        elif line.startswith("| ") and not line.startswith("| mistake"):
            mistake, caught = line.strip("| ").split(" | ")
            rows.append((mistake, re.findall(r"`([^`]+)`", caught)))
    return found


def named() -> Iterator[str]:
    yield from dict.fromkeys(name for rows in sheets().values() for _, names in rows for name in names)


@lru_cache
def defined_in(file: str) -> frozenset[str]:
    """The tests that a file defines; of an example's cases, their names."""
    if file.endswith(".toml"):
        example, name = file.split("/")
        cases = tomllib.loads((ROOT / "examples" / example / "tests" / name).read_text(encoding="utf-8"))["test"]
        return frozenset(case["name"] for case in cases)
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_")


def test_every_mistake_that_was_seen_has_a_test() -> None:
    found = sheets()
    assert {name: len(rows) for name, rows in found.items()} == SEEN
    assert [mistake for rows in found.values() for mistake, names in rows if not names] == []
    assert found.keys() == {path.name for path in (ROOT / "examples").iterdir() if (path / "platform.py").exists()}


@pytest.mark.parametrize("name", [*named()])
def test_a_test_that_catches_a_mistake_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert test in defined_in(file)


def test_nothing_that_comes_in_can_become_code() -> None:
    found = []
    for place in ("src", "examples"):
        for path in (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
                if called in _CODE and (called, path.name) != ("compile", "package.py"):  # bytecode, never run here
                    found.append(f"{path}: {called}")
                if isinstance(node, ast.keyword) and node.arg == "shell":
                    found.append(f"{path}: a shell")
    assert found == []
