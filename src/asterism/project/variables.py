"""`${VAR}`, `${VAR:-default}` and `${secret:NAME}`: one syntax wherever a project names a place or a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from asterism.errors import AsterismError, Problem, ProjectError
from asterism.ports.secrets import Secrets

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<secret>secret:)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{)"
)

SEALED = "secret://"
"""What a sealed secret begins with."""
SEALED_NAMES = "ASTERISM_SEALED"
"""The variable that names secrets which this process has no permission to read, parted by commas."""


class UnresolvedError(Exception):
    """A text cannot be interpolated. `mark` is the piece of it that cannot, as it is written."""

    def __init__(self, mark: str, fact: str, remedy: str) -> None:
        super().__init__(fact)
        self.mark = mark
        self.fact = fact
        self.remedy = remedy


class UnsetError(UnresolvedError):
    """The text is well-formed, and a value that it asks for is not there."""


class Unset(str):
    """A text that stands as it is written, as a value that it asks for is not there. `require` tells who needs it."""

    __slots__ = ("problem",)
    problem: Problem

    @classmethod
    def of(cls, text: str, problem: Problem) -> Unset:
        """The text, and what is wrong with it."""
        made = cls(text)
        made.problem = problem
        return made


def lacking(declaration: DataclassInstance) -> tuple[Problem, ...]:
    """What has no value among the texts of a declaration, and its lists of texts."""
    values = [getattr(declaration, each.name) for each in fields(declaration)]
    texts = [text for value in values for text in (value if isinstance(value, tuple) else (value,))]
    return tuple(dict.fromkeys(text.problem for text in texts if isinstance(text, Unset)))


def require(*declarations: DataclassInstance) -> None:
    """Raises ProjectError where a text of these has no value."""
    if problems := tuple(dict.fromkeys(problem for each in declarations for problem in lacking(each))):
        raise ProjectError("this stage", problems)


@dataclass(frozen=True, slots=True)
class Variables:
    """Where values come from. The environment wins over what the stage declares; a secret is never declared there."""

    environment: Mapping[str, str]
    declared: Mapping[str, str]
    """The stage's `variables`; a value may refer to others."""
    secrets: Path
    """A folder with one file a secret, for secrets that are not in the environment."""
    sealed: bool = False
    """Whether a secret's name stands in the place of its value, as `secret://NAME`: for who must not know it."""
    vault: Secrets | None = None
    """A store of secrets in the folder's place."""

    def interpolate(self, text: str, _within: tuple[str, ...] = ()) -> str:
        """Put values in the place of references; `$${` stands for `${`. Raises UnresolvedError where there is none.

        As in a shell, the default also stands in for a value that is set but empty.
        """

        def value(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match["broken"]:
                fact = f"{text[match.start() : match.start() + 40]!r} is not a reference"
                raise UnresolvedError(
                    "${", fact, "Write ${NAME}, ${NAME:-default} or ${secret:NAME}; $${ for a plain ${."
                )
            found = self._secret(match["name"]) if match["secret"] else self._variable(match["name"], _within)
            if not found and match["default"] is not None:
                return match["default"]
            if found is None:
                raise self._unset(match)
            return found

        return _REFERENCE.sub(value, text)

    def _variable(self, name: str, within: tuple[str, ...]) -> str | None:
        if name in self.environment:
            return self.environment[name]
        if name in within:
            circle = " → ".join((*within, name))
            raise UnresolvedError(
                "${" + name, f"the variables refer to each other: {circle}", "Give one of them a value."
            )
        declared = self.declared.get(name)
        return None if declared is None else self.interpolate(declared, (*within, name))

    def _secret(self, name: str) -> str | None:
        if self.sealed or name in self.environment.get(SEALED_NAMES, "").split(","):
            return SEALED + name
        if name in self.environment:
            return self.environment[name]
        if self.vault is not None:
            try:
                return self.vault.get(name)
            except AsterismError as error:
                fact = f"the secret {name} cannot be read: {error.fact}"
                raise UnsetError("${secret:" + name, fact, error.remedy) from error
        file = self.secrets / name
        return file.read_text().rstrip("\r\n") if file.is_file() else None

    def _unset(self, match: re.Match[str]) -> UnsetError:
        name = match["name"]
        mark = "${" + (match["secret"] or "") + name
        if match["secret"]:
            place = f"the file {self.secrets / name}" if self.vault is None else self.vault.place.replace("NAME", name)
            remedy = f"Put it into {place}, or export {name}."
            return UnsetError(mark, f"the secret {name} is not set", remedy)
        remedy = f"Export {name}, give it under the stage's variables in asterism.toml, or write ${{{name}:-default}}."
        return UnsetError(mark, f"the variable {name} is not set", remedy)
