"""The way from a platform's files to a design, one call a stage."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from asterism.deploy.aws.build import design as aws_design
from asterism.deploy.derive import graph_of
from asterism.deploy.gcp.build import design as gcp_design
from asterism.deploy.gcp.code import main as gcp_main
from asterism.deploy.gcp.container import FILE as DOCKERFILE
from asterism.deploy.gcp.container import dockerfile
from asterism.deploy.gcp.setting import IMAGE
from asterism.deploy.graph import Graph
from asterism.deploy.libraries import installed_files, pins, wheel_files
from asterism.deploy.package import LIMIT, Archive, Package, platform_files, within
from asterism.deploy.resource import Design
from asterism.deploy.terraform import FILE, text
from asterism.deploy.validate import validate
from asterism.errors import ProjectError
from asterism.project.load import Project
from asterism.project.settings import FILE as SETTINGS_FILE

DESIGNS: Mapping[str, Callable[[Graph, Package], Design]] = {"aws": aws_design, "gcp": gcp_design}
KEPT = ("main.tf.json", ".zip")


@dataclass(frozen=True, slots=True)
class Planned:
    """A deployment, thought through and not begun."""

    project: Project
    graph: Graph
    package: Package
    design: Design


def plan(root: Path, stage: str | None, environment: Mapping[str, str], *, wheels: Path | None = None) -> Planned:
    """Think a deployment through. Needs no credentials and no network, and reads no secret.

    Raises ProjectError with everything that stands in the way, and UsageError.
    """
    project, graph = graph_of(root, stage, environment)
    problems = validate(project, graph)
    if problems:
        raise ProjectError(root, tuple(problems))
    package = packed(project, graph, wheels)
    return Planned(project, graph, package, DESIGNS[graph.target.cloud](graph, package))


def packed(project: Project, graph: Graph, wheels: Path | None = None) -> Package:
    """What the functions run."""
    content = platform_files(project, _secret_folders(project.root))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if graph.target.cloud == "gcp":
        content |= {"main.py": gcp_main().encode(), "requirements.txt": pins("gcp").encode()}
        return Package(Archive("platform", content, compiled=True), None, python)
    files = wheel_files(wheels) if wheels else installed_files("aws", graph.target.architecture)
    libraries = Archive("libraries", {f"python/{path}": source for path, source in files.items()}, compiled=True)
    package = Package(Archive("platform", content, compiled=True), libraries, python)
    within(LIMIT, *package.archives)
    return package


def write(planned: Planned, folder: Path, *, protect: bool = True) -> list[Path]:
    """Write what Terraform needs into `folder`; answer the files. Packages of earlier deployments are let go of."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [archive.write(folder) for archive in planned.package.archives]
    for old in folder.glob("*.zip"):
        if old not in files:
            old.unlink()
    main = folder / FILE
    main.write_text(text(planned.design, protect=protect), encoding="utf-8")
    if planned.graph.target.cloud == "gcp":
        files.append(folder / DOCKERFILE)
        named = [each.default for each in planned.design.variables if each.name == IMAGE.name]
        files[-1].write_text(dockerfile(planned.package, *named), encoding="utf-8")
    return [main, *files]


def _secret_folders(root: Path) -> tuple[str, ...]:
    """The folders of secrets of all stages: none of them travels."""
    document = tomllib.loads((root / SETTINGS_FILE).read_text(encoding="utf-8"))
    named = [section.get("secrets") for section in document.values() if isinstance(section, dict)]
    return tuple(each for each in named if isinstance(each, str) and "$" not in each and "://" not in each)
