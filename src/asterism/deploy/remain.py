"""What stays when a deployment is destroyed and its data is not: the resources that hold data, and what they need."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from asterism.deploy.resource import Design, Resource


def remaining(design: Design) -> Design:
    """The part of a design that holds data. Applied, it destroys everything else."""
    kept = {each.address: each for each in design.resources if each.keeps}
    known = {each.address: each for each in design.resources}
    waiting = [*kept.values()]
    while waiting:
        for address in _needs(waiting.pop(), known.keys() - kept.keys()):
            kept[address] = known[address]
            waiting.append(known[address])
    ordered = tuple(each for each in design.resources if each.address in kept)
    return replace(design, resources=ordered, outputs=())


def _needs(resource: Resource, others: set[str]) -> list[str]:
    text = json.dumps(resource.arguments)
    return [each for each in sorted(others) if re.search(rf"(?<![\w.]){re.escape(each)}(?!\w)", text)]
