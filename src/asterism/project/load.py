"""A folder of files becomes a Project: everything that a platform declares, in frozen declarations."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from asterism.declare.model import Model, Query
from asterism.declare.platform import Platform
from asterism.declare.publish import Publication
from asterism.declare.simulator import Simulator
from asterism.declare.source import Postgres, Pull
from asterism.declare.stage import Stage
from asterism.declare.storing import NOWHERE
from asterism.declare.stream import EventSimulator
from asterism.errors import Problem, ProjectError
from asterism.project import headers, settings
from asterism.project.execute import execute
from asterism.project.nearest import suggestion
from asterism.project.resolve import Resolver

PLATFORM_FILE = "platform.py"
RESERVED_SCHEMAS = frozenset({"_asterism", "information_schema", "main", "pg_catalog", "public", "streams"})

File = TypeVar("File", Model, Query)


@dataclass(frozen=True, slots=True)
class Project:
    """A platform as its files declare it, for one stage. What still refers to a variable is an `Unset`."""

    root: Path
    stage: Stage
    platform: Platform
    """Not to be changed any more. It has no `storings` where the stage stores no events."""
    models: dict[str, Model]
    """By name, in the order of names."""
    queries: dict[str, Query]
    unset: tuple[Problem, ...] = ()
    """What `platform.py` asks for and this stage has no value of: `require` raises where it is needed."""

    @property
    def name(self) -> str:
        """The platform's name."""
        return self.platform.name

    @property
    def pulls(self) -> tuple[Pull, ...]:
        """What is pulled."""
        return self.platform.pulls

    @property
    def publications(self) -> tuple[Publication, ...]:
        """What this stage publishes."""
        return tuple(each for each in self.platform.publications if each.url)

    @property
    def families(self) -> tuple[str, ...]:
        """All column families of the event store: the streams' own, and those that views write."""
        own = {each.family for each in self.platform.storings}
        return tuple(sorted(own | {each.family for each in self.platform.views if each.family and own}))

    @property
    def takes_records(self) -> bool:
        """Whether there is a log to be read: for streams, or for what sources set aside."""
        return bool(self.platform.streams) or any(not isinstance(each.source, Postgres) for each in self.pulls)

    @property
    def simulators(self) -> tuple[Simulator, ...]:
        """The simulators of pulled databases."""
        return tuple(each for each in self.platform.simulators if isinstance(each, Simulator))

    @property
    def event_simulators(self) -> tuple[EventSimulator, ...]:
        """The simulators of streams."""
        return tuple(each for each in self.platform.simulators if isinstance(each, EventSimulator))


def load(
    root: Path,
    stage: str | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    whole: bool = False,
    sealed: bool = False,
    vault: settings.Vault | None = None,
) -> Project:
    """Read the project in the folder `root`. Executes its `platform.py`; connects to nothing.

    `stage` None is the default stage. `whole` asks for a value of every variable in `platform.py`, for who needs all
    that it declares. `sealed` leaves `secret://NAME` where a secret is meant; `vault` opens a store of secrets by its
    URI. Raises ProjectError with every problem that the files alone can show.
    """
    project, problems = examine(root, stage, environment, sealed=sealed, vault=vault)
    if project is not None and not whole:
        problems = [each for each in problems if each not in project.unset]
    if problems or project is None:
        raise ProjectError(root, tuple(problems))
    return project


def examine(
    root: Path,
    stage: str | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    sealed: bool = False,
    vault: settings.Vault | None = None,
) -> tuple[Project | None, list[Problem]]:
    """The same, raising nothing: the project without the files that cannot be read, and all problems.

    None stands for a project whose stage or platform cannot be told.
    """
    root = root.absolute()
    given = os.environ if environment is None else environment
    chosen, problems = settings.read(root, stage, given, sealed=sealed, vault=vault)
    platform, platform_problems = execute(root / PLATFORM_FILE, root)
    problems += platform_problems
    models, model_problems = _files(root, "models", headers.model)
    queries, query_problems = _files(root, "queries", headers.query)
    problems += [*model_problems, *_references(root, models), *query_problems]
    if platform is not None:
        problems += [*_schemas(root, platform), *_homes(models, platform), *_publications(root, models, platform)]
    if platform is None or chosen is None:
        return None, problems
    resolver = Resolver(root, chosen.variables, lambda mark: _place(root, mark))
    resolved = resolver.platform(platform)
    if chosen.stage.events == NOWHERE:
        resolved.storings = ()
    delivered = tuple(each.name for each in resolved.streams if each.lake_only and chosen.stage.delivery)
    stage_of_it = replace(chosen.stage, delivered=delivered)
    project = Project(root, stage_of_it, resolved, models, queries, tuple(resolver.unset))
    problems += _reports(project)
    return project, [*problems, *resolver.problems, *resolver.unset]


def _files(
    root: Path, folder: str, read: Callable[[Path, str], tuple[File | None, list[Problem]]]
) -> tuple[dict[str, File], list[Problem]]:
    found: dict[str, File] = {}
    problems: list[Problem] = []
    for file in sorted((root / folder).glob("*.sql")):
        path = file.relative_to(root)
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), f"cannot be read: {error}", "Save it as UTF-8 text."))
            continue
        declared, its_problems = read(path, text)
        problems += its_problems
        if declared is not None:
            found[declared.name] = declared
    return found, problems


def _references(root: Path, models: dict[str, Model]) -> list[Problem]:
    problems = []
    for model in models.values():
        line = line_of(root / model.path, "references:")
        where = f"{model.path}:{line}" if line else str(model.path)
        for reference in model.references:
            target = models.get(reference.table)
            if target is None and not (root / "models" / f"{reference.table}.sql").exists():
                fact = f"{reference.column} refers to {reference.table}, and there is no such model"
                problems.append(Problem(where, fact, suggestion(reference.table, models)))
            elif target is not None and len(target.key) != 1:
                fact = f"{reference.column} refers to {reference.table}, whose key is {', '.join(target.key)}"
                problems.append(Problem(where, fact, "Refer to models whose key is one column."))
    return problems


def _schemas(root: Path, platform: Platform) -> list[Problem]:
    problems = [
        Problem(
            PLATFORM_FILE,
            f"a stream cannot be called {stream.name!r}",
            "Use lower-case letters, digits, - and _, a letter first.",
        )
        for stream in platform.streams
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", stream.name)
    ]
    for pull in platform.pulls:
        if re.fullmatch(r"[a-z_][a-z0-9_]*", pull.into) and pull.into not in RESERVED_SCHEMAS:
            continue
        line = line_of(root / PLATFORM_FILE, f'"{pull.into}"')
        fact = f"a source cannot be pulled into {pull.into!r}"
        remedy = f"Use lower-case letters, digits and _, and none of {', '.join(sorted(RESERVED_SCHEMAS))}."
        problems.append(Problem(f"{PLATFORM_FILE}:{line}" if line else PLATFORM_FILE, fact, remedy))
    return problems


def _reports(project: Project) -> list[Problem]:
    """Reports that ask what is not there, or that nobody could send."""
    problems = []
    for report in project.platform.reports:
        line = line_of(project.root / PLATFORM_FILE, f'"{report.name}"')
        where = f"{PLATFORM_FILE}:{line}" if line else PLATFORM_FILE
        for name in report.queries:
            if name not in project.queries and not (project.root / "queries" / f"{name}.sql").exists():
                fact = f"the report {report.name} asks {name!r}, and there is no such query"
                problems.append(Problem(where, fact, suggestion(name, project.queries)))
    if project.platform.reports and project.stage.mail and "@" not in project.stage.sender:
        line = line_of(project.root / settings.FILE, "mail")
        fact = "the stage has a mail server, and nobody whom its reports come from"
        remedy = 'Add sender = "address" to the section.'
        problems.append(Problem(f"{settings.FILE}:{line}" if line else settings.FILE, fact, remedy))
    return problems


def _homes(models: dict[str, Model], platform: Platform) -> list[Problem]:
    """Models that would stand in a schema that is not theirs."""
    taken = RESERVED_SCHEMAS | {pull.into for pull in platform.pulls}
    remedy = "Give the file another schema, or none."
    return [
        Problem(str(model.path), f"a model cannot stand in the schema {model.name.partition('.')[0]!r}", remedy)
        for model in models.values()
        if "." in model.name and model.name.partition(".")[0] in taken
    ]


def _publications(root: Path, models: dict[str, Model], platform: Platform) -> list[Problem]:
    problems = []
    for each in platform.publications:
        taken: dict[str, str] = {}
        for name in each.models:
            line = line_of(root / PLATFORM_FILE, f'"{name}"')
            where = f"{PLATFORM_FILE}:{line}" if line else PLATFORM_FILE
            if name not in models and not (root / "models" / f"{name}.sql").exists():
                problems.append(Problem(where, f"{name!r} is published, and is no model", suggestion(name, models)))
            elif other := taken.get(each.table(name)):
                fact = f"{other} and {name} would be published as one table, {each.table(name)}"
                problems.append(Problem(where, fact, "Publish one of them under another schema."))
            taken[each.table(name)] = name
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", each.schema) or each.schema in RESERVED_SCHEMAS - {"public", "main"}:
            line = line_of(root / PLATFORM_FILE, f'"{each.schema}"')
            remedy = "Use lower-case letters, digits and _, and none of _asterism, information_schema, pg_catalog."
            fact = f"models cannot be published into the schema {each.schema!r}"
            problems.append(Problem(f"{PLATFORM_FILE}:{line}" if line else PLATFORM_FILE, fact, remedy))
    return problems


def _place(root: Path, mark: str) -> str:
    """The file and line where a reference stands as it is written: platform.py, or a module beside it."""
    for file in (root / PLATFORM_FILE, *sorted(root.glob("*.py")), root / settings.FILE):
        if file.is_file() and (line := line_of(file, mark)):
            return f"{file.relative_to(root)}:{line}"
    return PLATFORM_FILE


def line_of(file: Path, mark: str) -> int | None:
    """The first line of `file` that holds `mark`, None where none does."""
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if mark in line), None)
