"""What stands beside what was planned: what would be made, changed, destroyed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from asterism.deploy.resource import Design
from asterism.deploy.terraform import document

STATE = "terraform.tfstate"
APPLIED = "applied.json"
"""What was written when it was applied last."""
Change = Literal["make", "change", "replace", "keep"]


@dataclass(frozen=True, slots=True)
class Changes:
    """By address; what is not named is `otherwise`."""

    against: str
    """What the design was compared with."""
    standing: Mapping[str, Change] = field(default_factory=dict)
    destroyed: tuple[str, ...] = ()
    otherwise: Change = "make"

    def of(self, address: str) -> Change:
        """What happens to a resource."""
        return self.standing.get(address, self.otherwise)


def with_folder(design: Design, folder: Path) -> Changes:
    """Against the state in a folder, by what was written there when it was applied: no network, no credentials.

    What somebody changed by hand in the cloud is not seen so; `--refresh` asks Terraform, which asks the cloud.
    """
    state = _read(folder / STATE)
    if state is None:
        return Changes("nothing: this stage has no state here")
    there = {
        f"{each['type']}.{each['name']}"
        for each in state.get("resources", [])
        if each.get("mode") == "managed" and each.get("instances")
    }
    applied = (_read(folder / APPLIED) or {}).get("resource", {})
    wanted = document(design)["resource"]
    standing: dict[str, Change] = {}
    for each in design.resources:
        if not each.data:
            same = applied.get(each.kind, {}).get(each.name) == wanted[each.kind][each.name]
            if each.address in there or (same and "for_each" in each.arguments):  # of a list, which may be empty
                standing[each.address] = "keep" if same else "change"
    ours = {each.address for each in design.resources}
    return Changes(f"the state in {folder}", standing, tuple(sorted(there - ours)))


def with_terraform(shown: Mapping[str, Any]) -> Changes:
    """Against the cloud, by what `terraform show -json` tells of a plan."""
    standing: dict[str, Change] = {}
    destroyed = []
    for each in shown.get("resource_changes", []):
        address, actions = each["address"].partition("[")[0], set(each["change"]["actions"])
        if actions == {"delete"}:
            destroyed.append(each["address"])
        elif actions == {"create", "delete"}:
            standing[address] = "replace"
        elif "update" in actions:
            standing[address] = "change"
        elif actions == {"create"}:
            standing[address] = "make"
        elif actions == {"no-op"}:
            standing.setdefault(address, "keep")
    return Changes("the cloud, by Terraform", standing, tuple(sorted(destroyed)), "keep")


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
