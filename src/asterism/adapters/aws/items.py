"""How a state stands in a DynamoDB item.

The table's key is (`pk`, `sk`), both texts, with a local index `changes` on (`pk`, `ver`), a number;
`ttl` is when an item may go. Two kinds of items:

- A view's header: pk `view/<name>`, sk `header`.
- A state: pk `<generation>/<shard>`, sk its place in the order of (key, window). `s` is the state, NULL where it was
  dropped, `ver` the version that put it. While a put of many transactions is under way, and until the state is put
  again, `b` and `bver` are what stood before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from zlib import crc32

from asterism.adapters.aws.table import Item
from asterism.ports.state import Header, Kept

Address = tuple[str, str]

SHARDS = 4
"""Partitions of DynamoDB over which one view is spread: each takes a thousand writes a second. Part of the format."""
_REMEMBERED = 3600
"""Seconds for which a drop is told."""
_LONGEST = 800
"""Bytes of a place that stand as they are; DynamoDB takes 1,024."""


@dataclass(frozen=True, slots=True)
class Head:
    """A view's header item."""

    epoch: int
    version: int
    offsets: str
    note: str
    generation: str
    base: int
    """The view's version when this generation of states took its place; an item's version counts from there."""
    busy: bool
    trash: tuple[str, ...]

    @classmethod
    def of(cls, item: Item) -> Head:
        """Read an item."""
        return cls(
            int(item["epoch"]["N"]), int(item["version"]["N"]), item["offsets"]["S"], item["note"]["S"],
            item["gen"]["S"], int(item["base"]["N"]), "busy" in item, tuple(item.get("trash", {}).get("SS", ())),
        )  # fmt: skip

    @property
    def last(self) -> int:
        """The version of the last put, as items count."""
        return self.version - self.base

    @property
    def header(self) -> Header:
        """As the port has it."""
        return Header(self.epoch, self.version, json.loads(self.offsets), json.loads(self.note))


def header_key(view: str) -> Item:
    """The key of a view's header."""
    return {"pk": {"S": f"view/{view}"}, "sk": {"S": "header"}}


def place(key: str, window: str) -> str:
    """A text that sorts as (key, window) does; of one that is too long, as its beginning does."""
    text = key.replace("\0", "\0\1") + "\0\0" + window
    data = text.encode()
    return text if len(data) <= _LONGEST else beginning(text) + sha256(data).hexdigest()


def beginning(text: str) -> str:
    """What of a long place stands as it is; the whole of a short one."""
    data = text.encode()
    return text if len(data) <= _LONGEST else data[:_LONGEST].decode(errors="ignore")


def partition(generation: str, key: str) -> str:
    """Where the states of a key stand."""
    return f"{generation}/{crc32(key.encode()) % SHARDS}"


def state_key(generation: str, address: Address) -> Item:
    """The key of a state's item."""
    return {"pk": {"S": partition(generation, address[0])}, "sk": {"S": place(*address)}}


def address(item: Item) -> Address:
    """The (key, window) of a state's item."""
    return item["k"]["S"], item["w"]["S"]


def state_item(generation: str, kept: Kept, version: int) -> Item:
    """The item of a state."""
    return {
        **state_key(generation, (kept.key, kept.window)),
        "k": {"S": kept.key},
        "w": {"S": kept.window},
        "s": _packed(kept),
        "ver": {"N": str(version)},
    }


def dropped_item(generation: str, address: Address, version: int) -> Item:
    """The item that tells of a drop, for an hour."""
    return {
        **state_key(generation, address),
        "k": {"S": address[0]},
        "w": {"S": address[1]},
        "s": {"NULL": True},
        "ver": {"N": str(version)},
        "ttl": {"N": str(int(time.time()) + _REMEMBERED)},
    }


def opened(item: Item, packed: Mapping[str, Any]) -> Kept | None:
    """The state in `packed`, None for a drop."""
    if "M" not in packed:
        return None
    parts = packed["M"]
    # As text: positions of brokers are wider than DynamoDB's numbers.
    return Kept(item["k"]["S"], parts["v"]["B"], parts["p"]["S"], int(parts["n"]["S"]), item["w"]["S"])


def committed(item: Item, last: int) -> tuple[int, Kept | None]:
    """The version and state of an item as it was when `last` was the last version."""
    version = int(item["ver"]["N"])
    if version > last and "b" in item:
        return int(item["bver"]["N"]), opened(item, item["b"])
    return version, opened(item, item["s"])


def size(item: Item) -> int:
    """Bytes that an item takes, about."""
    state = item["s"].get("M", {})
    value = state.get("v", {}).get("B", b"")
    return 200 + 2 * len(item["sk"]["S"].encode()) + len(item["w"]["S"]) + len(value)


def _packed(kept: Kept) -> Mapping[str, Any]:
    return {"M": {"v": {"B": kept.value}, "p": {"S": kept.partition}, "n": {"S": str(kept.position)}}}
