"""Every problem of a project at once: what the files say, against the tables that the sources have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlglot import exp

from asterism.declare.model import Model, Query
from asterism.declare.table import Table
from asterism.errors import Problem
from asterism.plan.compile import Compiled, compile_models
from asterism.plan.parse import Refused, parse
from asterism.plan.qualify import qualify, sources
from asterism.project.charts import missing_columns
from asterism.project.load import PLATFORM_FILE, Project


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found: how each sound model is maintained, and all that is wrong."""

    maintenance: dict[str, str]
    problems: tuple[Problem, ...]
    compiled: Compiled


def check(project: Project, tables: Iterable[Table], unknown: frozenset[str] = frozenset()) -> Checked:
    """Check models and queries over the sources' `tables`. Reads nothing but the project.

    `unknown` are the schemas whose tables could not be learned: what reads them is only parsed.
    """
    known = {table.name: table for table in tables}
    told, unseen = _of_the_lake(project)
    lost = _unreadable(project) | unseen
    blind = _behind(project.models, unknown, lost)
    sighted = [model for model in project.models.values() if model.name not in blind]
    compiled = compile_models(sighted, known, project.root)
    problems = [*told, *compiled.problems]
    for name in sorted(blind):
        problems += _parsed(project.models[name])
    for query in project.queries.values():
        problems += _query(query, compiled, unknown, lost | blind)
    maintenance = {plan.table.name: plan.maintenance for plan in compiled.plans if plan.model is not None}
    return Checked(maintenance, tuple(problems), compiled)


def _unreadable(project: Project) -> frozenset[str]:
    """Models whose files stand there but could not be read: what is wrong with them is known already."""
    files = {file.stem for file in (project.root / "models").glob("*.sql")}
    return frozenset(files - project.models.keys())


def _of_the_lake(project: Project) -> tuple[list[Problem], frozenset[str]]:
    """What asks the warehouse for streams that go to the lake alone, and by which names it does."""
    streams = [each for each in project.platform.streams if each.lake_only]
    names = {name: s.name for s in streams for name in (s.table, s.table.partition(".")[2])}
    names = {name: stream for name, stream in names.items() if name not in project.models}
    asking: list[Model | Query] = [*project.models.values(), *project.queries.values()]
    problems = []
    for each in asking:
        try:
            found = [(names[name], line) for name, line in sources(parse(each.sql)) if name in names]
        except Refused:
            continue  # told by whoever compiles it
        for stream, line in found:
            fact = f"the stream {stream} goes to the lake alone, and has no table"
            remedy = f"Ask it by `asterism query --on lake`, or leave lake_only=True out of {PLATFORM_FILE}."
            problems.append(Refused(fact, remedy, line).problem(str(each.path), each.line))
    return problems, frozenset(names)


def _behind(models: Mapping[str, Model], unknown: frozenset[str], lost: frozenset[str]) -> frozenset[str]:
    """The models that read, directly or through others, what nothing is known of."""
    reads = {name: _reads(model.sql) for name, model in models.items()}
    blind: set[str] = set()
    growing = True
    while growing:
        found = {
            name
            for name, tables in reads.items()
            if name not in blind and any(t.partition(".")[0] in unknown or t in lost or t in blind for t in tables)
        }
        blind |= found
        growing = bool(found)
    return frozenset(blind)


def _reads(sql: str) -> set[str]:
    try:
        return {name for name, _ in sources(parse(sql))}
    except Refused:
        return set()


def _parsed(model: Model) -> list[Problem]:
    try:
        parse(model.sql)
    except Refused as refused:
        return [refused.problem(str(model.path), model.line)]
    return []


def _query(query: Query, compiled: Compiled, unknown: frozenset[str], blind: frozenset[str]) -> list[Problem]:
    try:
        tree = parse(query.sql)
    except Refused as refused:
        return [refused.problem(str(query.path), query.line)]
    problems = _parameters(query, tree)
    defaults = _defaults(query)
    names = {name for each in (tree, *defaults.values()) for name, _ in sources(each)}
    broken = {problem.where.partition(":")[0].rpartition("/")[2].removesuffix(".sql") for problem in compiled.problems}
    # A model that is wrong is reported once, and not again by each query that asks it.
    if any(name in blind or name in broken or name.partition(".")[0] in unknown for name in names):
        return problems
    for name, default in defaults.items():
        try:
            qualify(default, compiled.tables)
        except Refused as refused:
            problems.append(Problem(str(query.path), f"the default of {name}: {refused.fact}", refused.remedy))
    try:
        problems += missing_columns(query, qualify(_without_parameters(tree), compiled.tables).named_selects)
    except Refused as refused:
        problems += refused.problems(str(query.path), query.line)
    return problems


def _defaults(query: Query) -> dict[str, exp.Query]:
    """The defaults of a query's parameters that can be read, as SELECTs."""
    found = {}
    for each in query.parameters:
        if each.default is not None:
            with suppress(Refused):
                found[each.name] = parse(f"SELECT {each.default}")
    return found


def _parameters(query: Query, tree: exp.Query) -> list[Problem]:
    declared = {parameter.name: parameter for parameter in query.parameters}
    used = {node.name for node in tree.find_all(exp.Parameter, exp.Placeholder)}
    where = str(query.path)
    problems = [
        Problem(where, f"the parameter ${name} is not declared", f"Add `-- param: {name} TYPE` to the header.")
        for name in sorted(used - declared.keys())
    ]
    problems += [
        Problem(where, f"the parameter {name} is declared and never used", f"Use ${name}, or remove it.")
        for name in sorted(declared.keys() - used)
    ]
    for parameter in declared.values():
        try:
            exp.DataType.build(parameter.type, dialect="duckdb")
            if parameter.default is not None:
                parse(f"SELECT {parameter.default}")
        except (Refused, ValueError):
            fact = f"the parameter {parameter.name} has a type or a default that does not parse"
            problems.append(Problem(where, fact, "Write `-- param: name type = default`, as SQL has them."))
    return problems


def _without_parameters(tree: exp.Query) -> exp.Query:
    copy = tree.copy()
    for node in [*copy.find_all(exp.Parameter, exp.Placeholder)]:
        node.replace(exp.null())
    return copy


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by file and line, each once."""

    def place(problem: Problem) -> tuple[str, int]:
        file, _, line = problem.where.rpartition(":")
        return (file, int(line)) if line.isdigit() else (problem.where, 0)

    return tuple(sorted(dict.fromkeys(problems), key=place))
