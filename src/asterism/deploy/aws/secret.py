"""Secrets Manager: the secrets by name. Their values are put there by hand, and pass through nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator

from asterism.deploy.resource import Resource, label
from asterism.deploy.setting import Setting


def secrets(setting: Setting) -> Iterator[Resource]:
    """A place for each secret that the platform asks for."""
    for each in setting.graph.secrets:
        yield Resource(
            "aws_secretsmanager_secret",
            label(each.name),
            {"name": f"{setting.target.name}/{each.name}", "recovery_window_in_days": 7},
            f"the secret {each.name}; its value is put there by hand",
            each.place,
            keeps=True,
        )
