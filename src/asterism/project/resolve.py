"""Variables in what `platform.py` declares: sources, endpoints, reports, publications, as they stand in one stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from asterism.declare.platform import Platform
from asterism.declare.simulator import Simulator
from asterism.errors import Problem
from asterism.project import settings
from asterism.project.variables import UnresolvedError, Unset, UnsetError, Variables

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Declaration = TypeVar("Declaration", bound="DataclassInstance")


@dataclass
class Resolver:
    """Resolves declarations, collecting problems; what is declared once is resolved once."""

    root: Path
    variables: Variables
    place: Callable[[str], str]
    """The file and line where a text stands as it is written."""
    problems: list[Problem] = field(default_factory=list)
    unset: list[Problem] = field(default_factory=list)
    """Values that are not there: wrong for who needs what they stand in."""
    _done: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def platform(self, declared: Platform) -> Platform:
        """The same platform without a variable in it, but those that have no value."""
        resolved = Platform(declared.name, freshness=declared.freshness)
        resolved.streams, resolved.transforms = declared.streams, declared.transforms
        resolved.storings = declared.storings
        resolved.views, resolved.triggers = declared.views, declared.triggers
        resolved.pulls = tuple(replace(each, source=self.texts(each.source)) for each in declared.pulls)
        resolved.endpoints = tuple(replace(each, service=self.texts(each.service)) for each in declared.endpoints)
        resolved.reports = tuple(self.texts(each) for each in declared.reports)
        resolved.publications = tuple(self.texts(each) for each in declared.publications)
        resolved.simulators = tuple(
            replace(each, source=self.texts(each.source)) if isinstance(each, Simulator) else each
            for each in declared.simulators
        )
        return resolved

    def texts(self, declaration: Declaration) -> Declaration:
        """A frozen dataclass with every text, and every text of a list, interpolated; `url` made absolute."""
        if id(declaration) in self._done:
            resolved: Declaration = self._done[id(declaration)][1]
            return resolved
        changed: dict[str, Any] = {}
        for each in fields(declaration):
            value = getattr(declaration, each.name)
            if isinstance(value, str):
                text = self._text(value)
                is_place = text and each.name == "url" and not isinstance(text, Unset)
                changed[each.name] = settings.absolute(text, self.root) if is_place else text
            elif isinstance(value, tuple | list) and all(isinstance(part, str) for part in value):
                changed[each.name] = tuple(part for text in value for part in self._parts(text))
        resolved = replace(declaration, **changed)
        self._done[id(declaration)] = (declaration, resolved)
        return resolved

    def _parts(self, text: str) -> list[str]:
        """One text of a list; a variable may hold several, parted by commas."""
        resolved = self._text(text)
        return [resolved] if resolved == text else [part.strip() for part in resolved.split(",") if part.strip()]

    def _text(self, value: str) -> str:
        try:
            return self.variables.interpolate(value)
        except UnresolvedError as error:
            problem = Problem(self.place(error.mark), error.fact, error.remedy)
            if isinstance(error, UnsetError):
                self.unset.append(problem)
                return Unset.of(value, problem)
            self.problems.append(problem)
            return value
