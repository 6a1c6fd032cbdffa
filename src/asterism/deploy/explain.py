"""A design as people and programs read it: what will exist, by which declaration, with which permissions."""

from __future__ import annotations

from typing import Any

from asterism.deploy.compare import Changes
from asterism.deploy.graph import Clock, Delivery, Door, Function, Graph, Objects, Records, Start
from asterism.deploy.resource import Design


def as_json(graph: Graph, design: Design, changes: Changes) -> dict[str, Any]:
    """Everything, as JSON values. Holds no value of a secret, and of variables the names alone."""
    return {
        "platform": graph.platform,
        "stage": graph.stage,
        "production": graph.production,
        "cloud": graph.target.cloud,
        "region": graph.target.region,
        "functions": [_function(each, design) for each in graph.functions],
        "resources": [
            {
                "address": each.address,
                "purpose": each.purpose,
                "declared": each.place,
                "keeps_data": each.keeps,
                "change": changes.of(each.address),
            }
            for each in design.resources
            if not each.data
        ],
        "destroyed": [*changes.destroyed],
        "compared_with": changes.against,
        "secrets": [{"name": each.name, "declared": each.place} for each in graph.secrets],
        "variables": [name for name, _ in graph.variables],
        "notes": [*design.notes],
    }


def _function(function: Function, design: Design) -> dict[str, Any]:
    permissions = [
        {
            "role": each.role,
            "actions": [*grant.actions],
            "resources": [*grant.resources],
            "why": grant.why,
        }
        for each in design.resources
        if each.role == function.name
        for grant in each.grants
    ]
    return {
        "name": function.name,
        "purpose": function.purpose,
        "declared": function.place,
        "started_by": [said(start) for start in function.starts],
        "alone": function.alone,
        "permissions": permissions,
    }


def said(start: Start) -> str:
    """What starts a function, in words."""
    match start:
        case Door():
            return "requests by HTTP"
        case Records():
            return f"records of {start.stream}"
        case Delivery():
            return f"delivery of {start.stream} to the lake"
        case Objects():
            return f"objects in {start.url}"
        case Clock():
            when = f"at {start.cron}" if start.cron else f"every {int(start.every.total_seconds()) // 60} min"
            return f"{when}: {start.verb} {start.name}".strip()
