"""Puts the examples into the wheel as templates: `asterism new --template totesys` copies the example itself."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Templates(BuildHookInterface):
    """All of examples/ but what running them leaves behind. An editable install reads examples/ itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        if version == "editable":
            return
        examples = Path(self.root) / "examples"
        for settings in examples.glob("*/asterism.toml"):
            for file in settings.parent.rglob("*"):
                parts = file.relative_to(examples).parts
                left_behind = "__pycache__" in parts or any(part.startswith(".") for part in parts)
                if file.is_file() and not left_behind:
                    build_data["force_include"][str(file)] = "/".join(("asterism", "templates", *parts))
