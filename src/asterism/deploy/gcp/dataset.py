"""BigQuery: the datasets of the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import REGION, Setting


def datasets_of(setting: Setting) -> list[str]:
    """The datasets of the warehouse, the first one its own."""
    parts = urlsplit(setting.graph.stores.warehouse)
    names = [each for each in parts.path.split("/") if each]
    return names[:1]


def datasets(setting: Setting) -> Iterator[Resource]:
    """Datasets are kept, with what is in them."""
    if urlsplit(setting.graph.stores.warehouse).scheme != "bigquery":
        return
    for name in datasets_of(setting):
        yield Resource(
            "google_bigquery_dataset",
            label(name),
            {
                "dataset_id": name,
                "location": REGION.ref,
                "description": f"The warehouse of {setting.graph.platform} on {setting.graph.stage}.",
                "delete_contents_on_destroy": False,
                "max_time_travel_hours": "168",
                "depends_on": ["google_project_service.bigquery"],
            },
            "the warehouse",
            setting.graph.place("warehouse"),
            keeps=True,
        )
