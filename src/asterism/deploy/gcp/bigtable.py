"""Bigtable: the instance and the table of the live views' states."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from asterism.deploy.gcp.setting import REGION, Setting
from asterism.deploy.resource import Resource, label

INSTANCE, VIEWS = "views", "views"
FAMILIES = {"view": 1, "redo": 16, "state": 8}
"""And how many versions each keeps: what the adapter describes."""


def tables(setting: Setting) -> Iterator[Resource]:
    """The table comes after its instance, and goes before it."""
    if not any(function.uses_of("views") for function in setting.graph.functions):
        return
    parts = urlsplit(setting.graph.stores.views)
    names = [each for each in parts.path.split("/") if each]
    instance_name, table_name = (names[0], names[-1]) if len(names) > 1 else (parts.netloc, names[-1])
    place = setting.graph.place("views")
    instance = Resource(
        "google_bigtable_instance",
        INSTANCE,
        {
            "name": instance_name,
            "deletion_protection": True,
            "cluster": [
                {
                    "cluster_id": f"{instance_name}-1",
                    "zone": f"{REGION.ref}-b",
                    "num_nodes": setting.target.nodes,
                    "storage_type": "SSD",
                }
            ],
            "depends_on": ["google_project_service.bigtableadmin"],
        },
        "where live views are kept",
        place,
        keeps=True,
    )
    yield instance
    table = Resource(
        "google_bigtable_table",
        VIEWS,
        {
            "name": table_name,
            "instance_name": instance.ref("name"),
            "deletion_protection": "PROTECTED",
            "column_family": [{"family": family} for family in FAMILIES],
        },
        "the states of the live views",
        place,
        keeps=True,
    )
    yield table
    for family, versions in FAMILIES.items():
        yield Resource(
            "google_bigtable_gc_policy",
            label(family),
            {
                "instance_name": instance.ref("name"),
                "table": table.ref("name"),
                "column_family": family,
                "max_version": [{"number": versions}],
                "deletion_policy": "ABANDON",
            },
            f"{versions} versions of {family}",
            place,
            keeps=True,
        )
