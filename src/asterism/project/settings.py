"""`asterism.toml`: where a platform lives, one section a stage."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asterism.declare.stage import Stage
from asterism.errors import Problem
from asterism.project.nearest import suggestion
from asterism.project.variables import UnresolvedError, Variables

FILE = "asterism.toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a stage's section; `default` None where it must be given. docs/reference is made from these."""

    name: str
    type: type
    default: str | bool | dict[str, str] | None
    meaning: str


PLATFORM_SETTINGS = (Setting("default_stage", str, "dev", "The stage that commands work on without `--stage`."),)
STAGE_SETTINGS = (
    Setting(
        "warehouse",
        str,
        None,
        "The engine: `duckdb:///file` (relative to the project; four slashes: absolute), `postgresql://…`, or "
        "`embedded:///folder`, a PostgreSQL of its own kept in that folder.",
    ),
    Setting(
        "lake",
        str,
        None,
        "Where batches are landed: a path relative to the project, `file:///absolute`, `s3://bucket/prefix`, "
        "`gs://bucket/prefix`.",
    ),
    Setting("state", str, ".asterism/<stage>", "A local folder for locks and sockets."),
    Setting("secrets", str, ".asterism/secrets", "A folder with one file a secret, for `${secret:NAME}`."),
    Setting("production", bool, False, "Refuses `simulate` and `reset`."),  # noqa: FBT003 - a value
    Setting("schedules", bool, True, "Whether `run` pulls by the clock."),  # noqa: FBT003 - a value
    Setting("processed", bool, True, "Whether each model's changes are written to the lake as well."),  # noqa: FBT003
    Setting("variables", dict, {}, "Values for `${NAME}`; the environment wins over them."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The chosen stage, and the variables with which the rest of the project is interpolated."""

    stage: Stage
    variables: Variables


def read(root: Path, chosen: str | None, environment: Mapping[str, str]) -> tuple[Settings | None, list[Problem]]:
    """Read `asterism.toml` of `root` for the stage `chosen`, or the default one. Only that stage is interpolated.

    Answers None with at least one problem where there is no such stage to speak of.
    """
    file = root / FILE
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        remedy = "Go to a platform's folder or give --project DIR; `asterism new NAME` makes one."
        return None, [Problem(FILE, f"cannot be read in {root}: {error.strerror}", remedy)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        return None, [Problem(f"{FILE}:{line[1]}" if line else FILE, f"is not TOML: {error}", "Correct the syntax.")]
    reader = _Reader(root, document, _lines(text))
    reader.check_keys()
    name = reader.choose(chosen, environment)
    settings = reader.settings(name, environment) if name is not None else None
    return settings, reader.problems


def absolute(uri: str, root: Path) -> str:
    """A URI whose path, if it has a local one, is absolute: three slashes are relative to `root`, four are absolute.

    A plain path becomes a `file:` URI.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return (root / Path(uri).expanduser()).absolute().as_uri()
    if scheme in {"duckdb", "embedded"} and rest.startswith("/") and not rest.startswith(("//", "/:memory:")):
        return f"{scheme}:///{(root / rest[1:]).absolute()}"
    return uri


class _Reader:
    """Reads one document, collecting problems."""

    def __init__(self, root: Path, document: dict[str, Any], lines: dict[tuple[str, ...], int]) -> None:
        self.root = root
        self.document = document
        self.lines = lines
        self.stages = {name: value for name, value in document.items() if isinstance(value, dict)}
        self.problems: list[Problem] = []

    def report(self, path: tuple[str, ...], fact: str, remedy: str = "") -> None:
        while path and path not in self.lines:
            path = path[:-1]
        where = f"{FILE}:{self.lines[path]}" if path else FILE
        self.problems.append(Problem(where, fact, remedy))

    def check_keys(self) -> None:
        self._check((), {k: v for k, v in self.document.items() if k not in self.stages}, PLATFORM_SETTINGS)
        for name, section in self.stages.items():
            if re.fullmatch(r"[a-z][a-z0-9_-]*", name) is None:
                self.report((name,), f"{name!r} cannot name a stage", "Use lower-case letters, digits, - and _.")
            self._check((name,), section, STAGE_SETTINGS)

    def _check(self, path: tuple[str, ...], section: dict[str, Any], known: tuple[Setting, ...]) -> None:
        types = {setting.name: setting.type for setting in known}
        for key, value in section.items():
            if key not in types:
                where = f"the stage {path[0]}" if path else "the platform"
                self.report((*path, key), f"{where} has no setting {key!r}", suggestion(key, types))
            elif not isinstance(value, types[key]):
                wanted = {str: "a text in quotes", bool: "true or false", dict: "a table of names and texts"}[
                    types[key]
                ]
                self.report((*path, key), f"{key} must be {wanted}, and is {value!r}", f"Write {wanted}.")
        for key, value in section.get("variables", {}).items() if isinstance(section.get("variables"), dict) else ():
            if not isinstance(value, str):
                fact = f"the variable {key} must be a text, and is {value!r}"
                self.report((*path, "variables", key), fact, "Put it into quotes.")

    def choose(self, chosen: str | None, environment: Mapping[str, str]) -> str | None:
        name = chosen or environment.get("ASTERISM_STAGE") or self.document.get("default_stage")
        if name is None:
            name = next(iter(self.stages)) if len(self.stages) == 1 else "dev"
        if name in self.stages:
            return str(name)
        if self.stages:
            self.report((), f"there is no stage {name!r}", suggestion(str(name), self.stages))
        else:
            self.report((), "no stage is declared", 'Add a section, like [dev], with warehouse = "…" and lake = "…".')
        return None

    def settings(self, name: str, environment: Mapping[str, str]) -> Settings | None:
        section = self.stages[name]
        declared = section.get("variables", {})
        declared = declared if isinstance(declared, dict) else {}
        declared = {key: value for key, value in declared.items() if isinstance(value, str)}
        plain = Variables(environment, declared, self.root / ".asterism" / "secrets")
        secrets = self._text(plain, name, "secrets")
        variables = Variables(environment, declared, self.root / secrets) if secrets else plain
        texts = {key: self._text(variables, name, key) for key in ("warehouse", "lake", "state")}
        for key in ("warehouse", "lake"):
            if key not in section:
                remedy = {
                    "warehouse": 'Add warehouse = "duckdb:///.asterism/%s/warehouse.duckdb", say.',
                    "lake": 'Add lake = ".asterism/%s/lake", say.',
                }[key]
                self.report((name,), f"the stage {name} does not say where its {key} is", remedy % name)
        if texts["warehouse"] is not None and "://" not in texts["warehouse"]:
            fact = "warehouse must be a URI with a scheme"
            self.report((name, "warehouse"), fact, "Write duckdb:///…, postgresql://… or embedded:///….")
        flags = {
            key: section.get(key, default)
            for key, default in (("production", False), ("schedules", True), ("processed", True))
        }
        stage = Stage(
            name,
            absolute(texts["warehouse"] or "", self.root),
            absolute(texts["lake"] or "", self.root),
            str((self.root / (texts["state"] or f".asterism/{name}")).absolute()),
            **{key: value is True for key, value in flags.items()},
        )
        return Settings(stage, variables)

    def _text(self, variables: Variables, stage: str, key: str) -> str | None:
        value = self.stages[stage].get(key)
        if not isinstance(value, str):
            return None
        try:
            return variables.interpolate(value)
        except UnresolvedError as error:
            # The reference may stand in the variable's own value rather than here.
            owner = next((k for k, v in variables.declared.items() if error.mark in v and k in value), None)
            self.report((stage, "variables", owner) if owner else (stage, key), error.fact, error.remedy)
            return None


_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of each key and table. tomllib keeps none, and for a message the plain forms are enough."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _path(match[1])
            found.setdefault(table, number)
        elif match := _KEY.match(line):
            found.setdefault((*table, *_path(match[1])), number)
    return found


def _path(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.split("."))
