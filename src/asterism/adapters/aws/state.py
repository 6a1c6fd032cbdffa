"""State in a DynamoDB table: the keyed states of live views.

A put of up to 98 states is one transaction. A larger one is several, and counts from the last of them on, which moves
the view's version: until then readers are answered what stood before, which each item still has. What a put that died
has left is undone by the next claim. Every transaction is conditional on the epoch: that is the fence.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from heapq import merge
from itertools import groupby, islice
from typing import Any
from uuid import uuid4

from asterism.adapters.aws.items import (
    SHARDS,
    Address,
    Head,
    address,
    beginning,
    committed,
    dropped_item,
    header_key,
    opened,
    place,
    size,
    state_item,
    state_key,
)
from asterism.adapters.aws.service import Service, speaking
from asterism.adapters.aws.table import Item, RefusedError, Table, batches
from asterism.errors import StateError
from asterism.ports.log import Offsets
from asterism.ports.state import Header, Kept

_AT_ONCE, _BYTES = 98, 3_000_000
"""Of one transaction, which DynamoDB limits to 100 actions and four megabytes."""
_LARGEST = 180_000
"""Bytes of one state: an item has 400 KB, and holds two of them for a while."""
_SNAPSHOTS = 5
"""Times that watching looks for a moment at which no put comes in between."""
_FIELDS = (
    "SET epoch = if_not_exists(epoch, :zero) + :one, version = if_not_exists(version, :zero), "
    "offsets = if_not_exists(offsets, :none), note = if_not_exists(note, :none), "
    "gen = if_not_exists(gen, :new), #base = if_not_exists(#base, :zero)"
)
_NAMES = {"#base": "base"}

Change = tuple[int, Kept | Address]


class DynamoState:
    """Implements `State`. `dynamodb://table?region=…`; the table is made where it is not there and that is allowed.

    Readers are never shown half of a put of one view, but where puts come faster than it can be read: then `watch` may
    answer a version before all of it can be told, and tells the rest with the next.
    """

    def __init__(self, uri: str) -> None:
        """Raises UsageError; whether the table can be had is seen when it is first asked."""
        self._table = Table(Service.of(uri), index="ver")
        self._subject = f"the live views in the DynamoDB table {self._table.name}"

    def claim(self, view: str) -> Header:
        """Count the owners up, and undo what a put of before has left half done."""
        with self._speaking():
            head = self._claim(view)
            self._tidy(view, head)
            return head.header

    def get(self, view: str, keys: Collection[Address]) -> dict[Address, Kept]:
        """A hundred in one request."""
        with self._speaking():
            while head := self._head(view):
                found = {at: state for at, state in self._get(head, [*keys]).items() if state is not None}
                if self._stands(view, head):
                    return found
            return {}

    def put(
        self, view: str, epoch: int, kept: Sequence[Kept], offsets: Offsets, note: Mapping[str, Any] | None = None,
        dropped: Collection[Address] = (),
    ) -> None:  # fmt: skip
        """See `State.put`, and above."""
        with self._speaking():
            head = self._head(view)
            if head is None or head.epoch != epoch:
                raise _fenced(view)
            version = head.last + 1
            items = {(each.key, each.window): state_item(head.generation, each, version) for each in kept}
            for each in kept:
                if len(each.value) > _LARGEST:
                    fact = f"the state of {each.key[:100]!r} takes {len(each.value)} bytes"
                    raise StateError(f"view {view}", fact, f"DynamoDB takes {_LARGEST}: fold less into one state.")
            going = [at for at in dropped if at not in items]
            known = self._get(head, going) if going else {}
            items |= {at: dropped_item(head.generation, at, version) for at, state in known.items() if state}
            parts = [*_parts(items.values())]
            last = parts.pop() if len(parts) == 1 else []
            for number, part in enumerate(parts):
                fence = self._update(view, epoch, "SET busy = :true", {":true": {"BOOL": True}})
                self._transact(view, [self._check(view, epoch) if number else fence, *map(self._overwrite, part)])
            values = {":version": {"N": str(head.version + 1)}, ":offsets": {"S": json.dumps(dict(offsets))}}
            values[":note"] = {"S": head.note if note is None else json.dumps(note)}
            told = "SET version = :version, offsets = :offsets, note = :note REMOVE busy"
            whole = [{"Put": {"Item": item}} for item in last]
            self._transact(view, [self._update(view, epoch, told, values), *whole])

    def scan(self, view: str, after: Address | None = None, limit: int = 1000, key: str | None = None) -> list[Kept]:
        """Merged of the view's shards, or of the one that has the key."""
        with self._speaking():
            while head := self._head(view):
                found = [*islice(self._scan(head, after, key), limit)]
                if self._stands(view, head):
                    return found
            return []

    def watch(self, view: str, since: int, limit: int = 1000) -> tuple[Header, list[Change]]:
        """By the index of versions, which is read consistently."""
        with self._speaking():
            head = self._head(view)
            if head is None:
                return Header(), []
            for attempt in range(1_000_000):
                if limit <= 0 or since >= head.version:
                    break
                changes = self._changes(head, since, limit)
                now = self._head(view) or head
                if now == head or (changes and attempt >= _SNAPSHOTS):
                    return head.header, changes
                head = now
            return head.header, []

    def replace(self, view: str, by: str | None) -> None:
        """States are kept by generation: the other's becomes the view's. What is gone is marked in it before.

        A worker that runs claims the view back: then what it changed since is looked through, and it is taken again.
        """
        with self._speaking():
            new = Head(0, 0, "{}", "{}", uuid4().hex, 0, busy=False, trash=())
            if by is not None:
                new = self._claim(by)
                self._tidy(by, new)
            marked: Head | None = None
            while True:
                try:
                    old = self._claim(view)
                    self._tidy(view, old)
                    self._mark_gone(by, new, self._addresses(old, marked))
                    marked = old
                    self._switch(view, old, by, new)
                    break
                except StateError as error:
                    if not error.fenced or (by is not None and not self._owns(by, new)):
                        raise
            self._sweep(view, (old.generation,))

    def close(self) -> None:
        """Connections are the process's own."""

    def _addresses(self, head: Head, since: Head | None) -> Iterator[Address]:
        """Where a view has states; since it was as `since` says, where puts have changed some."""
        if since is None or since.generation != head.generation:
            yield from ((each.key, each.window) for each in self._scan(head, None, None))
            return
        for shard in range(SHARDS):
            for _, at, _, _ in self._versions(head, shard, str(since.last), since.version):
                yield at

    def _mark_gone(self, by: str | None, new: Head, addresses: Iterable[Address]) -> None:
        """Have a generation say of each of these that it does not have that it is gone."""
        checked = [self._check(by, new.epoch)] if by is not None else []
        for some in batches(addresses, 100):
            standing = {at for at, state in self._get(new, some).items() if state is not None}
            missing = [dropped_item(new.generation, at, new.last + 1) for at in some if at not in standing]
            for part in _parts(missing):
                self._transact(by or "", [*checked, *({"Put": {"Item": item}} for item in part)])

    def _owns(self, view: str, claimed: Head) -> bool:
        """Whether a claim of before still stands."""
        now = self._head(view)
        return now is not None and now.epoch == claimed.epoch

    def _switch(self, view: str, old: Head, by: str | None, new: Head) -> None:
        """The one transaction in which a view becomes another."""
        values = {
            ":version": {"N": str(old.version + new.last + 1)}, ":base": {"N": str(old.version)},
            ":offsets": {"S": new.offsets}, ":note": {"S": new.note}, ":gen": {"S": new.generation},
            ":trash": {"SS": [old.generation]},
        }  # fmt: skip
        told = "SET version = :version, offsets = :offsets, note = :note, gen = :gen, #base = :base ADD trash :trash"
        actions = [self._update(view, old.epoch, told, values, _NAMES)]
        if by is not None:
            values = {
                ":version": {"N": str(new.version + 1)}, ":none": {"S": "{}"}, ":gen": {"S": uuid4().hex},
            }  # fmt: skip
            told = "SET version = :version, offsets = :none, note = :none, gen = :gen, #base = :version"
            actions.append(self._update(by, new.epoch, told, values, _NAMES))
        self._transact(view, actions)

    def _claim(self, view: str) -> Head:
        values = {":zero": {"N": "0"}, ":one": {"N": "1"}, ":none": {"S": "{}"}, ":new": {"S": uuid4().hex}}
        done = self._table.call(
            "update_item", Key=header_key(view), UpdateExpression=_FIELDS, ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues=values, ReturnValues="ALL_NEW",
        )  # fmt: skip
        return Head.of(done["Attributes"])

    def _tidy(self, view: str, head: Head) -> None:
        """Undo what a put that died has left, and remove states that a replacement did."""
        if head.busy:
            for part in _parts([*self._of_version(head, head.last + 1)]):
                undone = [self._undone(item, head.last + 1) for item in part if "b" in item]
                self._transact(view, [self._check(view, head.epoch), *undone])
            self._transact(view, [self._update(view, head.epoch, "REMOVE busy", {})])
        if head.trash:
            self._sweep(view, head.trash)

    def _undone(self, item: Item, version: int) -> Item:
        """What stood before, with the version of the next put: watchers may have been told of none since."""
        if item["bver"]["N"] == "0":
            return {"Delete": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}
        before = {name: item[name] for name in ("pk", "sk", "k", "w")}
        told = {**before, "s": item["b"], "ver": {"N": str(version)}}
        return {"Put": {"Item": told}}

    def _sweep(self, view: str, generations: Iterable[str]) -> None:
        """Remove all states of generations that no view has."""
        for generation in generations:
            for shard in range(SHARDS):
                self._table.delete(self._table.query(f"{generation}/{shard}", ProjectionExpression="pk, sk"))
            self._table.call(
                "update_item", Key=header_key(view), UpdateExpression="DELETE trash :gone",
                ExpressionAttributeValues={":gone": {"SS": [generation]}},
            )  # fmt: skip

    def _head(self, view: str) -> Head | None:
        item = self._table.call("get_item", Key=header_key(view), ConsistentRead=True).get("Item")
        return Head.of(item) if item else None

    def _stands(self, view: str, head: Head) -> bool:
        """Whether the view's states are still those that were read."""
        now = self._head(view)
        return now is not None and now.generation == head.generation

    def _get(self, head: Head, keys: Sequence[Address]) -> dict[Address, Kept | None]:
        found: dict[Address, Kept | None] = {}
        for item in self._table.get(state_key(head.generation, at) for at in dict.fromkeys(keys)):
            found[address(item)] = committed(item, head.last)[1]
        return found

    def _scan(self, head: Head, after: Address | None, key: str | None) -> Iterator[Kept]:
        at = beginning(place(key, "")) if key is not None else ""
        shards = {state_key(head.generation, (key, ""))["pk"]["S"]} if key is not None else None
        named = shards or {f"{head.generation}/{shard}" for shard in range(SHARDS)}
        begin = max(at, beginning(place(*after)) if after else "")
        for item in merge(*(self._ordered(shard, begin) for shard in named), key=address):
            if after is not None and address(item) <= after:
                continue
            if key is not None and address(item)[0] != key:
                if address(item)[0] > key:
                    return
                continue
            state = committed(item, head.last)[1]
            if state is not None:
                yield state

    def _ordered(self, shard: str, begin: str) -> Iterator[Item]:
        """The items of a shard from a place on, in order: long places that begin alike are put in theirs here."""
        found = self._table.query(shard, "sk >= :value", {"S": begin} if begin else None)
        for _, alike in groupby(found, key=lambda item: beginning(place(*address(item)))):
            yield from sorted(alike, key=address)

    def _changes(self, head: Head, since: int, limit: int) -> list[Change]:
        """What changed since a version; whole versions."""
        start = max(0, since - head.base)
        found: list[tuple[int, Address, Item, Kept | None]] = []
        for shard in range(SHARDS):
            found += islice(self._versions(head, shard, str(start), since), limit + 1)
        if head.busy:
            for item in self._of_version(head, head.last + 1):
                if "b" in item and start < int(item["bver"]["N"]) <= head.last and (since or "M" in item["b"]):
                    found.append((int(item["bver"]["N"]), address(item), item, opened(item, item["b"])))
        found.sort(key=lambda each: each[:2])
        if len(found) > limit:
            beyond = found[limit][0]
            whole = [each for each in found if each[0] < beyond]
            if not whole:
                items = self._of_version(head, beyond)
                whole = [told for item in items if (told := self._told(item, head, since))]
                whole += [each for each in found[: limit + 1] if each[0] == beyond and "b" in each[2]]
                whole = [*{each[1]: each for each in whole}.values()]
                whole.sort(key=lambda each: each[:2])
            found = whole
        return [(head.base + version, at if state is None else state) for version, at, _, state in found]

    def _versions(
        self, head: Head, shard: int, start: str, since: int
    ) -> Iterator[tuple[int, Address, Item, Kept | None]]:
        partition = f"{head.generation}/{shard}"
        found = self._table.query(partition, "ver > :value", {"N": start}, IndexName="changes")
        for item in found:
            if int(item["ver"]["N"]) > head.last:
                return
            if told := self._told(item, head, since):
                yield told

    @staticmethod
    def _told(item: Item, head: Head, since: int) -> tuple[int, Address, Item, Kept | None] | None:
        """A change as a watcher is told of it; who begins at 0 is told of no drop."""
        version, state = int(item["ver"]["N"]), opened(item, item["s"])
        if version > head.last or (state is None and not since):
            return None
        return version, address(item), item, state

    def _of_version(self, head: Head, version: int) -> Iterator[Item]:
        for shard in range(SHARDS):
            partition = f"{head.generation}/{shard}"
            yield from self._table.query(partition, "ver = :value", {"N": str(version)}, IndexName="changes")

    def _check(self, view: str, epoch: int) -> Item:
        return {
            "ConditionCheck": {
                "Key": header_key(view),
                "ConditionExpression": "epoch = :epoch",
                "ExpressionAttributeValues": {":epoch": {"N": str(epoch)}},
            }
        }

    def _update(
        self, view: str, epoch: int, told: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
    ) -> Item:
        update = self._check(view, epoch)["ConditionCheck"]
        update |= {
            "UpdateExpression": told,
            "ExpressionAttributeValues": {**update["ExpressionAttributeValues"], **values},
        }
        return {"Update": update | ({"ExpressionAttributeNames": dict(names)} if names else {})}

    def _overwrite(self, item: Item) -> Item:
        """Put a state, and keep what stood before for who reads meanwhile."""
        values = {":s": item["s"], ":ver": item["ver"], ":k": item["k"], ":w": item["w"]}
        values |= {":null": {"NULL": True}, ":zero": {"N": "0"}}
        told = "SET b = if_not_exists(s, :null), bver = if_not_exists(ver, :zero), "
        told += "s = :s, ver = :ver, k = :k, w = :w"
        if "ttl" in item:
            told, values[":ttl"] = f"{told}, #ttl = :ttl", item["ttl"]
        else:
            told += " REMOVE #ttl"
        return {
            "Update": {
                "Key": {"pk": item["pk"], "sk": item["sk"]},
                "UpdateExpression": told,
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": values,
            }
        }

    def _transact(self, view: str, actions: Sequence[Item]) -> None:
        try:
            self._table.transact(actions)
        except RefusedError as error:
            raise _fenced(view) from error

    def _speaking(self) -> AbstractContextManager[None]:
        return speaking(StateError, self._subject)


def _fenced(view: str) -> StateError:
    return StateError(f"view {view}", "another worker has taken it over", "Stop this one.", fenced=True)


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in parts that one transaction takes."""
    return batches(items, _AT_ONCE, size, _BYTES)
