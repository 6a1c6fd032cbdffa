"""Terraform, run in a folder. Nothing else here reaches a cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asterism.deploy.compare import APPLIED
from asterism.deploy.terraform import FILE
from asterism.errors import DeployError

LOCKED = "600s"
"""For how long a lock on the state, which another run holds, is waited for."""
_PLAN = "plan.out"
_INITIALISED = ".terraform/asterism.json"
"""For which providers and which state the folder was initialised."""
_LAST = 25


@dataclass(frozen=True, slots=True)
class Terraform:
    """One folder with a `main.tf.json`. `tell` is given each line that Terraform says."""

    folder: Path
    tell: Callable[[str], object] = lambda _: None

    def init(self) -> None:
        """Fetch providers and open the state, unless that was done for the same ones. Raises DeployError."""
        wanted = json.dumps(json.loads((self.folder / FILE).read_text(encoding="utf-8"))["terraform"])
        done = self.folder / _INITIALISED
        if not done.is_file() or done.read_text(encoding="utf-8") != wanted:
            self._run("init", "-input=false", "-reconfigure")
            done.parent.mkdir(exist_ok=True)
            done.write_text(wanted, encoding="utf-8")

    def apply(self) -> None:
        """Make, change and destroy what the document says. Raises DeployError; what was done until then stays."""
        self._run("apply", "-input=false", "-auto-approve", f"-lock-timeout={LOCKED}")
        shutil.copyfile(self.folder / FILE, self.folder / APPLIED)

    def destroy(self) -> None:
        """Destroy everything that was just applied, the last made first. Raises DeployError."""
        self._run("destroy", "-input=false", "-auto-approve", "-refresh=false", f"-lock-timeout={LOCKED}")
        (self.folder / APPLIED).unlink(missing_ok=True)

    def planned(self) -> dict[str, Any]:
        """What `apply` would do, as Terraform tells it in JSON. Raises DeployError."""
        try:
            self._run("plan", "-input=false", f"-out={_PLAN}", f"-lock-timeout={LOCKED}")
            shown: dict[str, Any] = json.loads(self._run("show", "-json", _PLAN, quiet=True))
        finally:
            (self.folder / _PLAN).unlink(missing_ok=True)
        return shown

    def outputs(self) -> dict[str, Any]:
        """What the deployment tells of itself. Raises DeployError."""
        found = json.loads(self._run("output", "-json", quiet=True))
        return {name: each["value"] for name, each in found.items()}

    def _run(self, *arguments: str, quiet: bool = False) -> str:
        command = [_terraform(), f"-chdir={self.folder}", *arguments, *([] if quiet else ["-no-color"])]
        environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        lines: list[str] = []
        with subprocess.Popen(  # noqa: S603 - Terraform, with arguments of ours
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                if not quiet and line.strip():
                    self.tell(line.rstrip())
        if process.returncode:
            raise DeployError(f"terraform {arguments[0]}", _said(lines), f"Its folder is {self.folder}.")
        return "".join(lines)


def _said(lines: Sequence[str]) -> str:
    """The part of Terraform's words that begins with its first error."""
    begin = next((place for place, line in enumerate(lines) if "Error:" in line), max(0, len(lines) - _LAST))
    told = [line.strip("╷│╵ \n") for line in lines[begin : begin + _LAST]]
    return "\n".join(line for line in told if line) or "ended without a word"


def _terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        remedy = "Install Terraform 1.9 or newer, or write the folder with --write-only DIR and hand it over."
        raise DeployError("terraform", "is not on the PATH", remedy)
    return found
