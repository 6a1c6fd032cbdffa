"""`make docs`: what is written from the code. A test compares what stands with what this would write."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from asterism.cli.main import app
from asterism.declare.chart import CHARTS, COMMON
from asterism.project.deployment import DEPLOY_SETTINGS
from asterism.project.draw import svg
from asterism.project.graph import graph
from asterism.project.headers import MODEL_HEADERS, QUERY_HEADERS
from asterism.project.load import load
from asterism.project.setting import Setting
from asterism.project.settings import PLATFORM_SETTINGS, STAGE_SETTINGS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "asterism"
LAYERS = (
    "entry",
    "cli",
    "http",
    "deploy",
    "wire",
    "instruments",
    "outside",
    "adapters",
    "run",
    "project",
    "conform",
    "plan",
    "ports",
    "declare",
    "errors",
)
WRITTEN = "<!-- Written by `make docs`. -->\n\n"


def written() -> dict[Path, str]:
    """Every file and its text."""
    return {
        ROOT / "docs" / "reference.md": reference(),
        ROOT / "docs" / "modules.md": modules(),
        ROOT / "docs" / "totesys.svg": svg(graph(load(ROOT / "examples" / "totesys", "dev", {})), "totesys"),
    }


def reference() -> str:
    """Headers, settings and commands."""
    parts = ["# Reference\n", "## Headers of a model (`models/*.sql`)\n", _headers(MODEL_HEADERS)]
    parts += ["## Headers of a query (`queries/*.sql`)\n", _headers(QUERY_HEADERS), _charts()]
    parts += ["## `asterism.toml`: for the platform\n", _settings(PLATFORM_SETTINGS)]
    parts += ["## `asterism.toml`: in a stage's section\n", _settings(STAGE_SETTINGS)]
    parts += ["## `asterism.toml`: in a stage's table `deploy`\n", _settings(DEPLOY_SETTINGS), "## Commands\n"]
    group = typer.main.get_command(app)
    for name, command in sorted(getattr(group, "commands", {}).items()):
        context = typer.Context(command, info_name=f"asterism {name}", terminal_width=100, max_content_width=100)
        parts.append(f"### asterism {name}\n\n```\n{command.get_help(context)}\n```\n")
        for part, under in sorted(getattr(command, "commands", {}).items()):
            inner = typer.Context(under, info_name=f"asterism {name} {part}", terminal_width=100, max_content_width=100)
            parts.append(f"#### asterism {name} {part}\n\n```\n{under.get_help(inner)}\n```\n")
    return WRITTEN + "\n".join(parts)


def modules() -> str:
    """Which package imports which, as Mermaid."""
    edges = sorted({(of, to) for file in PACKAGE.rglob("*.py") for of, to in _imports(file)}, key=_place)
    lines = ["flowchart TD", *(f"  {of} --> {to}" for of, to in edges)]
    return f"# Modules\n\n{WRITTEN}```mermaid\n" + "\n".join(lines) + "\n```\n"


def _imports(file: Path) -> list[tuple[str, str]]:
    of = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        tops = [name.split(".")[1] for name in names if name.startswith("asterism.")]
        found += [(of, to) for to in tops if of in LAYERS and to in LAYERS and to != of]
    return found


def _place(edge: tuple[str, str]) -> tuple[int, int]:
    return LAYERS.index(edge[0]), LAYERS.index(edge[1])


def _headers(known: Mapping[str, str]) -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in known.items()]
    return "\n".join(["| header | meaning |", "|---|---|", *rows]) + "\n"


def _charts() -> str:
    rows = []
    for kind, form in CHARTS.items():
        options = ", ".join([*(f"`{name}`" for name in form.needs), *(f"[`{name}`]" for name in form.may)])
        rows.append(f"| `{kind}` | {options} | {form.meaning} |")
    common = [f"| any | [`{name}`] | {meaning} |" for name, meaning in COMMON.items()]
    return (
        "\n".join(
            [
                "### Charts (`-- chart: kind name=column …`)\n",
                "| kind | options | meaning |",
                "|---|---|---|",
                *rows,
                *common,
            ]
        )
        + "\n"
    )


def _default(value: object) -> str:
    if value is None:
        return "required"
    spelled = {False: "false", True: "true"}.get(value, value) if isinstance(value, bool) else value
    return f"`{spelled}`" if spelled not in ("", [], {}) else "none"


def _settings(known: tuple[Setting, ...]) -> str:
    rows = []
    for setting in known:
        default = _default(setting.default)
        rows.append(
            f"| `{setting.name}` | {'' if isinstance(setting.default, dict) else default} | {setting.meaning} |"
        )
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT), file=sys.stderr)  # noqa: T201 - a script
