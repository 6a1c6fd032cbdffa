"""Bigtable: the instances, and the tables of the live views' states and of stored events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import REGION, Setting

VIEWS: Mapping[str, int] = {"view": 1, "redo": 16, "state": 8}
"""Families, and how many versions each keeps: what the adapters describe."""
VERSIONS = 2
"""Of stored events."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that is made."""

    thing: Literal["views", "events"]
    instance: str
    table: str
    families: Mapping[str, int]
    purpose: str
    instance_label: str
    """Of the Terraform resource: the first of the tables in it."""


def tables_of(setting: Setting) -> list[Kept]:
    """The tables that functions use. Several may stand in one instance, which is billed by the hour."""
    stores = setting.graph.stores
    described: tuple[tuple[Literal["views", "events"], str, Mapping[str, int], str], ...] = (
        ("views", stores.views, VIEWS, "the states of the live views"),
        ("events", stores.events, dict.fromkeys(stores.families, VERSIONS), "stored events"),
    )
    found: list[Kept] = []
    for thing, uri, families, purpose in described:
        if any(function.uses_of(thing) for function in setting.graph.functions):
            instance, table = _names(uri)
            known = next((each.instance_label for each in found if each.instance == instance), thing)
            found.append(Kept(thing, instance, table, families, purpose, known))
    return found


def tables(setting: Setting) -> Iterator[Resource]:
    """A table comes after its instance, and goes before it."""
    made: dict[str, Resource] = {}
    for each in tables_of(setting):
        place = setting.graph.place(each.thing)
        if each.instance not in made:
            made[each.instance] = instance(setting, each, place)
            yield made[each.instance]
        yield from table(each, made[each.instance], place)


def instance(setting: Setting, kept: Kept, place: str) -> Resource:
    """One cluster: whoever changes rows on a condition must meet the same one."""
    return Resource(
        "google_bigtable_instance",
        label(kept.instance_label),
        {
            "name": kept.instance,
            "deletion_protection": True,
            "cluster": [
                {
                    "cluster_id": f"{kept.instance}-1",
                    "zone": f"{REGION.ref}-b",
                    "num_nodes": setting.target.nodes,
                    "storage_type": "SSD",
                }
            ],
            "depends_on": ["google_project_service.bigtableadmin"],
        },
        "where live views and events are kept" if setting.graph.stores.families else "where live views are kept",
        place,
        keeps=True,
    )


def table(kept: Kept, instance: Resource, place: str) -> Iterator[Resource]:
    """A table with its families, and how many versions each of them keeps."""
    made = Resource(
        "google_bigtable_table",
        kept.thing,
        {
            "name": kept.table,
            "instance_name": instance.ref("name"),
            "deletion_protection": "PROTECTED",
            "column_family": [{"family": family} for family in kept.families],
        },
        kept.purpose,
        place,
        keeps=True,
    )
    yield made
    for family, versions in kept.families.items():
        yield Resource(
            "google_bigtable_gc_policy",
            label(*(() if kept.thing == "views" else (kept.thing,)), family),
            {
                "instance_name": instance.ref("name"),
                "table": made.ref("name"),
                "column_family": family,
                "max_version": [{"number": versions}],
                "deletion_policy": "ABANDON",
            },
            f"{versions} versions of {family}",
            place,
            keeps=True,
        )


def _names(uri: str) -> tuple[str, str]:
    """Instance and table of `bigtable://project/instance/table`."""
    parts = urlsplit(uri)
    names = [each for each in parts.path.split("/") if each]
    return (names[0], names[-1]) if len(names) > 1 else (parts.netloc, names[-1])
