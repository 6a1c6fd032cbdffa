"""New platforms from templates, and new parts of a platform. Never overwrites a file."""

from __future__ import annotations

import re
import shutil
from importlib.resources import files
from pathlib import Path

from asterism.errors import UsageError
from asterism.project.load import PLATFORM_FILE
from asterism.project.nearest import suggestion
from asterism.project.settings import FILE

EMPTY = "empty"
_LEFT_BEHIND = shutil.ignore_patterns(".asterism*", "__pycache__", ".*_cache", "*.pyc")

_SETTINGS = """\
# Where {name} lives. One section a stage; paths are relative to this folder.

# Nothing to install: DuckDB as the warehouse, files as the lake.
[dev]
warehouse = "duckdb:///.asterism/dev/warehouse.duckdb"
lake = ".asterism/dev/lake"

# Values for ${{NAME}} in this file and in platform.py; the environment wins over them.
[dev.variables]
"""
_PLATFORM = """\
\"\"\"{name}: what comes in. `asterism new source NAME` adds a source.\"\"\"

from asterism import Platform

platform = Platform("{name}")
"""
_SOURCE = """
{name} = platform.pull(
    Postgres("${{{variable}}}", schema="public"),
    into="{name}",
    every="5m",
)
"""
_MODEL = """\
-- What one row of {name} is, in a sentence.
-- kind: {kind}
-- key: id
select 1 as id
"""
_QUERY = """\
-- What {name} answers, in a sentence.
-- param: since date = date '2020-01-01'
select $since as since
"""
_IGNORED = ".asterism/\n__pycache__/\n"


def templates() -> dict[str, Path | None]:
    """The templates by name; `empty` has no folder. They are the examples themselves: what is copied is tested."""
    package = Path(str(files("asterism")))
    # In the wheel the examples lie inside the package, in a checkout beside the sources.
    shelves = (package / "templates", package.parents[1] / "examples")
    shelf = next((folder for folder in shelves if folder.is_dir()), None)
    found: dict[str, Path | None] = {EMPTY: None}
    if shelf is not None:
        found |= {folder.name: folder for folder in sorted(shelf.iterdir()) if (folder / FILE).is_file()}
    return found


def new_platform(folder: Path, template: str) -> list[Path]:
    """Make the platform `folder` from a template; answer its files. Raises UsageError where anything stands there."""
    known = templates()
    if template not in known:
        raise UsageError(f"--template {template}", "there is no such template", suggestion(template, known))
    name = _named(folder.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(str(folder), "stands there already", "Choose another name, or an empty folder.")
    source = known[template]
    if source is None:
        for part in ("models", "queries"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write(folder / FILE, _SETTINGS.format(name=name))
        _write(folder / PLATFORM_FILE, _PLATFORM.format(name=name))
    else:
        shutil.copytree(source, folder, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
        platform = folder / PLATFORM_FILE
        platform.write_text(re.sub(r'Platform\("\w+"\)', f'Platform("{name}")', platform.read_text(), count=1))
    if not (folder / ".gitignore").exists():
        _write(folder / ".gitignore", _IGNORED)
    return sorted(file for file in folder.rglob("*") if file.is_file())


def new_source(root: Path, name: str) -> list[Path]:
    """Declare a PostgreSQL source in `platform.py`, its address in a variable; answer the file."""
    file = _inside(root) / PLATFORM_FILE
    text = file.read_text(encoding="utf-8")
    if f'into="{_named(name)}"' in text:
        raise UsageError(name, f"is pulled in {PLATFORM_FILE} already", "Choose another name.")
    needed = "from asterism.sources import Postgres"
    if needed not in text:
        root_import = re.search(r"^from asterism import .*$", text, re.MULTILINE)
        place = root_import.end() if root_import else 0
        text = f"{text[:place]}\n{needed}{text[place:]}"
    file.write_text(
        text.rstrip("\n") + "\n" + _SOURCE.format(name=name, variable=f"{name.upper()}_URL"), encoding="utf-8"
    )
    return [file]


def new_model(root: Path, name: str) -> list[Path]:
    """Begin a model; its kind is guessed from its name. Answers the file."""
    prefixes = {"dim": "dimension", "fact": "fact"}
    kind = prefixes.get(_named(name).partition("_")[0], "mart")
    return [_write(_inside(root) / "models" / f"{name}.sql", _MODEL.format(name=name, kind=kind))]


def new_query(root: Path, name: str) -> list[Path]:
    """Begin a query. Answers the file."""
    return [_write(_inside(root) / "queries" / f"{_named(name)}.sql", _QUERY.format(name=name))]


PARTS = {"source": new_source, "model": new_model, "query": new_query}


def _named(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None:
        raise UsageError(name, "cannot be a name", "Use lower-case letters, digits and _, beginning with a letter.")
    return name


def _inside(root: Path) -> Path:
    if not (root / FILE).is_file():
        raise UsageError(str(root), f"has no {FILE}", "Go to a platform's folder, or give --project DIR.")
    return root


def _write(file: Path, text: str) -> Path:
    if file.exists():
        raise UsageError(str(file), "stands there already", "Choose another name.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
