"""Resources as `main.tf.json`. The same bytes for the same design."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from asterism.deploy.resource import Design, Resource

FILE = "main.tf.json"


def document(design: Design, *, protect: bool = True) -> dict[str, Any]:
    """The document of a design. Without `protect`, what holds data may be destroyed."""
    found: dict[str, Any] = {"terraform": design.terraform, "provider": design.provider}
    if design.variables:
        found["variable"] = {
            each.name: {"type": each.type, "default": each.default, "description": each.description}
            for each in design.variables
        }
    for section, data in (("data", True), ("resource", False)):
        kinds: dict[str, dict[str, Any]] = {}
        for each in design.resources:
            if each.data is data:
                kinds.setdefault(each.kind, {})[each.name] = _arguments(each, protect=protect)
        if kinds:
            found[section] = {kind: dict(sorted(of.items())) for kind, of in sorted(kinds.items())}
    if design.outputs:
        found["output"] = {each.name: {"value": each.value, "description": each.description} for each in design.outputs}
    return found


def text(design: Design, *, protect: bool = True) -> str:
    """The document as the file has it."""
    return json.dumps(document(design, protect=protect), indent=2, ensure_ascii=False) + "\n"


def _arguments(resource: Resource, *, protect: bool) -> Mapping[str, Any]:
    arguments = dict(resource.arguments)
    if not resource.keeps:
        return arguments
    if protect:
        return arguments | {"lifecycle": [{"prevent_destroy": True}]}
    return arguments | {name: value for name, value in UNPROTECTED.items() if name in arguments}


UNPROTECTED: Mapping[str, Any] = {
    "deletion_protection": False,
    "deletion_protection_enabled": False,
    "delete_contents_on_destroy": True,
    "force_destroy": True,
    "skip_final_snapshot": True,
}
"""What a resource that holds data says when it may go with them."""
