"""A platform in a folder, and what its user types there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ASTERISM = str(Path(sys.executable).with_name("asterism"))


class Typed:
    """Commands are processes of their own, with `variables` beside the environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, **variables}

    def asterism(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [ASTERISM, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def rows(self, sql: str, *options: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.asterism("query", sql, "--json", *options).stdout)["rows"]
        return found
