"""A resource as Terraform knows it, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Grant:
    """What a function may do: actions on resources, and why."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    condition: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Under which it may: test, key, values."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One block of Terraform. `arguments` are those of the provider's documentation; blocks are lists of mappings."""

    kind: str
    """`aws_kinesis_stream`."""
    name: str
    """Unique within the kind; a label of Terraform, made by `label`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = ""
    place: str = ""
    """The file and line of the declaration that it is made for."""
    keeps: bool = False
    """Whether it holds data that nothing brings back: then it is protected."""
    data: bool = False
    """Whether it is computed, and not made."""
    role: str = ""
    """Of permissions: the function that they are for."""
    grants: tuple[Grant, ...] = ()

    @property
    def address(self) -> str:
        """What Terraform calls it."""
        return f"{'data.' if self.data else ''}{self.kind}.{self.name}"

    def ref(self, attribute: str = "id") -> str:
        """A reference to one of its attributes."""
        return f"${{{self.address}.{attribute}}}"


@dataclass(frozen=True, slots=True)
class Output:
    """What a deployment tells when it stands."""

    name: str
    value: Any
    description: str


@dataclass(frozen=True, slots=True)
class Variable:
    """What whoever applies it may give another value."""

    name: str
    type: str
    default: Any
    description: str

    @property
    def ref(self) -> str:
        """A reference to it."""
        return f"${{var.{self.name}}}"


@dataclass(frozen=True, slots=True)
class Design:
    """All that one deployment consists of, in one cloud's terms."""

    terraform: Mapping[str, Any]
    """The block `terraform`: versions, and where the state is."""
    provider: Mapping[str, Any]
    resources: tuple[Resource, ...]
    variables: tuple[Variable, ...]
    outputs: tuple[Output, ...]
    notes: tuple[str, ...] = ()
    """What is to be known of it: times rounded, say."""


def label(*parts: str) -> str:
    """A label of Terraform from names of ours."""
    return re.sub(r"[^a-z0-9_]+", "_", "_".join(parts).lower()).strip("_")
