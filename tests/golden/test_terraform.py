"""What each example comes to in each cloud, compared line by line, and checked against what the providers take.

To take on a change, look at it first: GOLDEN=write pytest tests/golden/test_terraform.py
"""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from asterism.deploy.derive import graph_of
from asterism.deploy.package import Archive, Package
from asterism.deploy.plan import DESIGNS
from asterism.deploy.terraform import document

GOLDEN = Path(__file__).parent
EXAMPLES = GOLDEN.parents[1] / "examples"
NAMES = ("jupiter", "liberta", "occupancy", "totesys", "user_data")
PACKAGE = Package(Archive("platform", {}), Archive("libraries", {}), "3.11")
LAKE = "lake"
"""A platform beside the examples: GOLDEN/lake."""
DEPLOYMENTS = [(name, cloud) for name in (*NAMES, LAKE) for cloud in ("aws", "gcp")] + [("occupancy", "cloud-run")]


IMAGE = "europe-west2-docker.pkg.dev/example-project/asterism/occupancy"


def designed(name, cloud):
    """`cloud-run` is GCP with services of Cloud Run in the place of functions."""
    stage = cloud.replace("cloud-run", "gcp")
    _, graph = graph_of(GOLDEN / name if name == LAKE else EXAMPLES / name, stage, {})
    if cloud == "cloud-run":
        graph = replace(graph, target=replace(graph.target, service=cloud, image=IMAGE))
    return DESIGNS[stage](graph, PACKAGE)


def lines(of):
    """A document with a resource a line."""
    for section, content in of.items():
        if section in {"data", "resource"}:
            for kind, named in content.items():
                for name, arguments in named.items():
                    yield f"{section} {kind} {name} {json.dumps(arguments, ensure_ascii=False)}"
        else:
            yield f"{section} {json.dumps(content, ensure_ascii=False)}"


@pytest.mark.parametrize(("name", "cloud"), DEPLOYMENTS)
def test_an_example_is_deployed_as_it_was(name, cloud):
    text = "\n".join(lines(document(designed(name, cloud)))) + "\n"
    path = GOLDEN / "terraform" / f"{name}-{cloud}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(("name", "cloud"), [each for each in DEPLOYMENTS if each[1] != "aws"])
def test_google_knows_every_attribute_that_is_given(name, cloud):
    schema = json.loads((GOLDEN / "google_schema.json").read_text())
    problems = []
    for each in designed(name, cloud).resources:
        if not each.data:
            problems += misfits(each.address, each.arguments, schema[each.kind])
    assert problems == []


META = {"depends_on", "for_each", "lifecycle"}
KINDS = {"string": str, "number": (int, float), "boolean": bool, "map": dict, "list": list}


def misfits(where, given, known):
    for name, value in given.items():
        if name in META:
            continue
        if name not in known:
            yield f"{where} has no {name}"
            continue
        kind, _ = known[name]
        if isinstance(kind, dict):
            blocks = value if isinstance(value, list) else [value]
            for block in blocks:
                yield from misfits(f"{where}.{name}", block, kind)
        elif not (isinstance(value, str) and "${" in value) and not isinstance(value, KINDS.get(kind, object)):
            yield f"{where}.{name} is {value!r}, and no {kind}"
    for name, (_, required) in known.items():
        if required and name not in given:
            yield f"{where} lacks {name}"


@pytest.mark.parametrize(("name", "cloud"), DEPLOYMENTS)
def test_every_reference_leads_to_what_is_made(name, cloud):
    design = designed(name, cloud)
    text = json.dumps(document(design))
    known = {each.address for each in design.resources} | {f"var.{each.name}" for each in design.variables}
    named = set(re.findall(r"\$\{(?:[a-z]+\()?((?:data\.)?(?:aws|google)_\w+\.\w+|var\.\w+)", text))
    assert named - known == set()
    assert set(re.findall(r'"((?:aws|google)_\w+\.\w+)"', text)) - known == set()
