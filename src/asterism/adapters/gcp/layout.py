"""How live views stand in Bigtable: rows, cells, and what is read out of them; see state.py."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from asterism.adapters.gcp import table as bigtable
from asterism.adapters.gcp.table import Row
from asterism.ports.state import Header, Kept

FAMILIES = {"view": 1, "redo": 16, "state": 8}
"""And how many versions each keeps: of redo, the puts that watchers need no scan for; of state, how far a put may be
ahead of who reads."""
MILLISECOND = 1000
"""Bigtable's times are microseconds in whole milliseconds; ours are versions."""

Address = tuple[str, str]


class Stored(msgspec.Struct, frozen=True):
    """A state as its cell holds it."""

    dropped: int
    """When it was, in seconds since 1970; 0: it stands."""
    partition: str = ""
    position: int = 0
    value: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True)
class Fence:
    """What a put must find as it left it."""

    epoch: int
    version: int
    generation: str
    base: int = 0
    """The version before the generation's first: cells' times are versions beyond it."""
    garbage: tuple[str, ...] = ()
    """Generations whose rows are yet to be removed."""

    @property
    def time(self) -> int:
        """The time of the cells of this version."""
        return (self.version - self.base) * MILLISECOND


@dataclass(frozen=True)
class Head:
    """A view's row."""

    fence: Fence
    offsets: bytes = b"{}"
    note: bytes = b"{}"
    redo: Mapping[int, bytes] = field(default_factory=dict)
    """By version."""

    def header(self) -> Header:
        """What others see of it."""
        fence = self.fence
        return Header(fence.epoch, fence.version, msgspec.json.decode(self.offsets), msgspec.json.decode(self.note))


Change = tuple[str, str, Stored]
Changes = dict[Address, tuple[int, Stored]]
_CHANGES = msgspec.json.Decoder(list[Change])
_CELL = msgspec.json.Decoder(Stored)
_FENCE = msgspec.json.Decoder(Fence)


def page(found: Changes, since: int, limit: int) -> list[tuple[int, Kept | Address]]:
    """The first versions of what changed, whole, `limit` changes at most but one version at least."""
    told = sorted(
        ((version, address, cell) for address, (version, cell) in found.items() if since or not cell.dropped),
        key=lambda each: each[:2],
    )
    end = len(told)
    if end > limit:
        end = limit
        while end and told[end - 1][0] == told[end][0]:
            end -= 1
        if not end:
            end = sum(each[0] == told[0][0] for each in told)
    return [(version, address if cell.dropped else kept(address, cell)) for version, address, cell in told[:end]]


def newest() -> Any:
    """The newest cell of each state."""
    return bigtable.every(bigtable.families("state"), bigtable.latest())


def new_generation(view: str) -> str:
    """A name that no generation of a view's had."""
    return f"{view}/{uuid.uuid4().hex}"


def view_row(view: str) -> bytes:
    """The key of a view's row."""
    return b"v" + bigtable.encoded(view)


def state_row(generation: str, *address: str) -> bytes:
    """The key of a state, or what those of its generation, or of its key, begin with."""
    return b"s" + bigtable.encoded(generation, *address)


def decoded(row: Row) -> tuple[Address, Stored]:
    """The address and the cell of a row."""
    _, key, window = bigtable.decoded(row.key[1:])
    return (key, window), _CELL.decode(row.cells[0].value)


def kept(address: Address, cell: Stored) -> Kept:
    """A state as the port tells it."""
    return Kept(address[0], bytes(cell.value), cell.partition, cell.position, address[1])


def unpacked(redo: bytes) -> list[Change]:
    """What a put changed."""
    return _CHANGES.decode(zlib.decompress(redo))


def packed(changes: Sequence[Change]) -> bytes:
    """What a put changes, as the redo holds it."""
    return zlib.compress(msgspec.json.encode(changes), 1)


def read(row: Row | None) -> Head | None:
    """A view's row; None where there is none."""
    cells = {each.column: each.value for each in row.cells if each.family == "view"} if row is not None else {}
    if row is None or b"fence" not in cells:
        return None
    puts = {each.timestamp // MILLISECOND: each.value for each in row.cells if each.family == "redo"}
    return Head(_FENCE.decode(cells[b"fence"]), cells.get(b"offsets", b"{}"), cells.get(b"note", b"{}"), puts)
