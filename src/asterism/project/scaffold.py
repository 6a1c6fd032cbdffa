"""New platforms from templates, and new parts of a platform. Never overwrites a file."""

from __future__ import annotations

import keyword
import re
import shutil
from importlib.metadata import version
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
_STREAM = """

class {record}(Record):
    id: str
    at: datetime


{name} = platform.stream("{spoken}", {record}, id_field="id")
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
_BEGUN = Path(__file__).parent / "begun"
_WORKFLOW = Path(".github/workflows/asterism.yml")
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
    begun = {
        Path(".gitignore"): _IGNORED,
        Path("README.md"): (_BEGUN / "README.md").read_text(encoding="utf-8").replace("NAME", name, 1),
        _WORKFLOW: (_BEGUN / "workflow.yml").read_text(encoding="utf-8").replace("VERSION", version("asterism")),
    }
    for file, text in begun.items():
        if not (folder / file).exists():
            _write(folder / file, text)
    return sorted(file for file in folder.rglob("*") if file.is_file())


def new_source(root: Path, name: str) -> list[Path]:
    """Declare a PostgreSQL source in `platform.py`, its address in a variable; answer the file."""
    file = _inside(root) / PLATFORM_FILE
    text = file.read_text(encoding="utf-8")
    if f'into="{_named(name)}"' in text:
        raise UsageError(name, f"is pulled in {PLATFORM_FILE} already", "Choose another name.")
    text = _importing(text, "from asterism.sources import Postgres")
    _unused(text, name)
    _append(file, text, _SOURCE.format(name=name, variable=f"{name.upper()}_URL"))
    return [file]


def new_stream(root: Path, name: str) -> list[Path]:
    """Declare a stream of records in `platform.py`, by HTTP at `/streams/NAME`; answer the file."""
    file, spoken = _inside(root) / PLATFORM_FILE, _named(name).replace("_", "-")
    text = file.read_text(encoding="utf-8")
    if f'platform.stream("{spoken}"' in text:
        raise UsageError(name, f"is declared in {PLATFORM_FILE} already", "Choose another name.")
    text = _importing(_importing(text, "from asterism import Record"), "from datetime import datetime")
    record = "".join(part.capitalize() for part in name.removesuffix("s").split("_"))
    _unused(text, name, record)
    _append(file, text, _STREAM.format(name=name, spoken=spoken, record=record))
    return [file]


def new_model(root: Path, name: str) -> list[Path]:
    """Begin a model; its kind is guessed from its name. Answers the file."""
    prefixes = {"dim": "dimension", "fact": "fact"}
    kind = prefixes.get(_named(name).partition("_")[0], "mart")
    return [_write(_inside(root) / "models" / f"{name}.sql", _MODEL.format(name=name, kind=kind))]


def new_query(root: Path, name: str) -> list[Path]:
    """Begin a query. Answers the file."""
    return [_write(_inside(root) / "queries" / f"{_named(name)}.sql", _QUERY.format(name=name))]


PARTS = {"source": new_source, "stream": new_stream, "model": new_model, "query": new_query}


def _importing(text: str, line: str) -> str:
    """The text of `platform.py` with an import, where it is not there yet."""
    module, _, wanted = line.removeprefix("from ").partition(" import ")
    found = re.search(rf"^from {re.escape(module)} import (.*)$", text, re.MULTILINE)
    if found is None:
        ours = list(re.finditer(r"^from asterism\b.*\n", text, re.MULTILINE))
        if module.startswith("asterism"):
            return f"{text[: ours[-1].end()]}{line}\n{text[ours[-1].end() :]}" if ours else f"{line}\n{text}"
        place = ours[0].start() if ours else 0
        return f"{text[:place]}{line}\n\n{text[place:]}"
    names = sorted({each.strip() for each in found[1].split(",")} | {wanted})
    return f"{text[: found.start()]}from {module} import {', '.join(names)}{text[found.end() :]}"


def _append(file: Path, text: str, declaration: str) -> None:
    file.write_text(text.rstrip("\n") + "\n" + declaration, encoding="utf-8")


def _named(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) is None:
        raise UsageError(name, "cannot be a name", "Use lower-case letters, digits and _, beginning with a letter.")
    return name


def _unused(text: str, *names: str) -> None:
    """Raise UsageError where a name is one of Python's, or has a meaning in the text of `platform.py`."""
    for name in names:
        bound = rf"^(?:{name} *=|class {name}\b|.*\bimport\b.*\b{name}\b)"
        if keyword.iskeyword(name) or re.search(bound, text, re.MULTILINE):
            raise UsageError(name, f"has a meaning of its own in {PLATFORM_FILE}", "Choose another name.")


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
