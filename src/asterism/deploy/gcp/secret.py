"""Secret Manager: the secrets by name. Their values are put there by hand, and pass through nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import REGION, Setting


def secrets(setting: Setting) -> Iterator[Resource]:
    """A place for each secret that the platform asks for."""
    for each in setting.graph.secrets:
        yield Resource(
            "google_secret_manager_secret",
            label(each.name),
            {
                "secret_id": f"{setting.target.name}-{each.name}",
                "replication": [{"user_managed": [{"replicas": [{"location": REGION.ref}]}]}],
                "deletion_protection": True,
                "depends_on": ["google_project_service.secretmanager"],
            },
            f"the secret {each.name}; its value is put there by hand",
            each.place,
            keeps=True,
        )
