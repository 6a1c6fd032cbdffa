"""State in Bigtable: the keyed states of live views.

Bigtable changes one row at a time, so a put has two steps. The first is a check-and-mutate of the view's own row: its
fence must be as it was, and it takes on the new offsets and, in the cell `redo`, everything that is put. That one step
is the commit. The second writes each state into its own row, at a time that is the put's version: repeated, overtaken
or late, the newest version stays what is read. A worker that dies between the two leaves the redo to who claims next.

    view's row     v <view>                                 view:fence, view:offsets, view:note, redo:put
    state's row    s <generation> <key> <window>            state:s

A generation is one filling of a view: `replace` makes the view's row name another's. The instance's application profile
must route to a single cluster and allow single-row transactions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from asterism.adapters.gcp import layout
from asterism.adapters.gcp import table as bigtable
from asterism.adapters.gcp.access import parts
from asterism.adapters.gcp.layout import FAMILIES, MILLISECOND, Address, Change, Changes, Fence, Head, Stored
from asterism.adapters.gcp.table import Table
from asterism.errors import StateError
from asterism.ports.log import Offsets
from asterism.ports.state import Header, Kept

SHAPE = "bigtable://project/instance/table"
_LONG_REDO = 256_000
"""Bytes from which a redo is taken away when it is done."""
_LARGEST_REDO = 64_000_000
_AT_ONCE = 2_000
_TRIES = 20
_DROPPED = rb'\{"dropped":[1-9]\C*'
_LATE = 600.0
"""Seconds after which what was committed is no longer written by who committed it, but by the next to claim."""


class BigtableState:
    """Implements `State`. Safe to use from several threads and processes."""

    def __init__(self, uri: str, *, remembered: float = 3600.0, opened: Callable[..., Table] = Table) -> None:
        """`uri` is `bigtable://project/instance/table`; a drop is told for `remembered` seconds. Raises StateError."""
        self._table = opened(*parts(uri, SHAPE, "the live views"), families=FAMILIES)
        self._remembered = remembered
        self._known: dict[str, Fence] = {}
        """Fences of which nothing is left to be finished."""
        self._drops: dict[str, deque[tuple[int, Address, int]]] = {}
        """What is to be forgotten, the oldest first: when it was dropped, and at which time of its cell."""

    def claim(self, view: str) -> Header:
        """See `State.claim`. What its last owner committed and did not finish is finished."""
        head = self._claim(view)
        fence = self._known[view] = self._remove(view, head)
        self._drops[view] = self._dropped(fence)
        self._forget(view, fence)
        return head.header()

    def get(self, view: str, keys: Collection[Address]) -> dict[Address, Kept]:
        """See `State.get`."""
        head = self._head(view)
        return {} if head is None else self._get(head.fence.generation, [*keys])

    def put(
        self, view: str, epoch: int, kept: Sequence[Kept], offsets: Offsets, note: Mapping[str, Any] | None = None,
        dropped: Collection[Address] = (),
    ) -> None:  # fmt: skip
        """See `State.put`: two steps, the first of which is all or nothing."""
        began, told = time.monotonic(), int(time.time())
        gone = self.get(view, dropped) if dropped else {}
        cells = {(key, window): Stored(0, part, at, msgspec.Raw(value)) for key, value, part, at, window in kept}
        cells |= {address: Stored(told) for address in dropped if address in gone or address in cells}
        changes = [(*address, cell) for address, cell in cells.items()]
        redo = layout.packed(changes)
        if len(redo) > _LARGEST_REDO:
            raise StateError(f"view {view}", f"{len(changes)} states of one put are too large", "Take fewer at a time.")
        fence = self._commit(
            view, epoch, (msgspec.json.encode(dict(offsets)), None if note is None else msgspec.json.encode(note)), redo
        )
        if time.monotonic() - began > _LATE:
            raise StateError(f"view {view}", "a put took too long", "Claim the view again: that finishes it.")
        self._write(fence, changes)
        if len(redo) > _LONG_REDO:
            at = fence.version * MILLISECOND
            self._table.mutate([(layout.view_row(view), [bigtable.clear("redo", b"put", at, at + MILLISECOND)])])
        self._known[view] = fence
        drops = self._drops.setdefault(view, deque())
        drops.extend((told, address, fence.time) for address, cell in cells.items() if cell.dropped)
        self._forget(view, fence)

    def scan(self, view: str, after: Address | None = None, limit: int = 1000, key: str | None = None) -> list[Kept]:
        """See `State.scan`."""
        head = self._head(view)
        return [] if head is None else self._scan(head.fence.generation, after, limit, key)

    def watch(self, view: str, since: int, limit: int = 1000) -> tuple[Header, list[tuple[int, Kept | Address]]]:
        """See `State.watch`. The view's row tells the latest versions; further back, all its states are looked at."""
        for _ in range(_TRIES):
            head = self._head(view, FAMILIES["redo"] if limit > 0 else 0, since)
            if head is None:
                return Header(), []
            if limit <= 0 or since >= head.fence.version:
                return head.header(), []
            found = self._told(head, since)
            if found is None:
                found = self._seen(view, head, since)
            if found is not None:
                return head.header(), layout.page(found, since, limit)
        raise StateError(f"view {view}", "it changes faster than it can be read", "Ask again.")

    def replace(self, view: str, by: str | None) -> None:
        """See `State.replace`: the view's row names the other's generation from then on."""
        given = self._take(by) if by is not None else Head(Fence(0, 0, layout.new_generation(view)))
        local = given.fence.version - given.fence.base + 1
        while True:
            before = self._claim(view).fence
            self._tell_drops(before.generation, given.fence.generation, local)
            garbage = (*before.garbage, before.generation)
            after = Fence(before.epoch, before.version + local, given.fence.generation, before.version, garbage)
            if self._swap(view, before, after, (given.offsets, given.note)):
                break  # else another has claimed it since
        self._known.pop(view, None)
        self._drops.pop(view, None)
        self._remove(view, Head(after))

    def close(self) -> None:
        """See `State.close`."""
        self._table.close()

    def _head(self, view: str, redos: int = 0, since: int = 0) -> Head | None:
        """A view's row, with the newest `redos` puts after version `since`."""
        chosen = bigtable.every(bigtable.families("view"), bigtable.latest())
        if redos:
            newer = bigtable.between((since + 1) * MILLISECOND, 0)
            redo = bigtable.every(bigtable.families("redo"), newer, bigtable.latest(redos))
            chosen = bigtable.either(chosen, redo)
        return layout.read(self._table.row(layout.view_row(view), chosen))

    def _swap(
        self, view: str, before: Fence | None, after: Fence, told: tuple[bytes | None, bytes | None] = (None, None),
        redo: bytes | None = None,
    ) -> bool:  # fmt: skip
        """Put another fence, offsets, note and redo in place if the fence still is `before`; answer whether it was."""
        given = {b"fence": msgspec.json.encode(after), b"offsets": told[0], b"note": told[1]}
        changes = [bigtable.put("view", name, value, 0) for name, value in given.items() if value is not None]
        if redo is not None:
            changes.append(bigtable.put("redo", b"put", redo, after.version * MILLISECOND))
        fence = bigtable.every(bigtable.column("view", b"fence"), bigtable.latest())
        if before is None:
            return not self._table.swap(layout.view_row(view), fence, (), changes)
        return self._table.swap(
            layout.view_row(view), bigtable.every(fence, bigtable.equal(msgspec.json.encode(before))), changes
        )

    def _claim(self, view: str) -> Head:
        """Count the owners up, and finish what the last one committed."""
        while True:
            head = self._head(view, redos=1)
            before = None if head is None else head.fence
            fence = replace(before, epoch=before.epoch + 1) if before else Fence(1, 0, layout.new_generation(view))
            if self._swap(view, before, fence):
                claimed = replace(head, fence=fence) if head is not None else Head(fence)
                self._finish(claimed)
                return claimed

    def _take(self, view: str) -> Head:
        """Take a view's generation away from it. Dying after it costs a rebuild; two views never share a generation."""
        while True:
            head = self._claim(view)
            version = head.fence.version + 1
            empty = replace(head.fence, version=version, base=version, generation=layout.new_generation(view))
            if self._swap(view, head.fence, empty, (b"{}", b"{}")):
                self._known.pop(view, None)
                return head

    def _commit(self, view: str, epoch: int, told: tuple[bytes, bytes | None], redo: bytes) -> Fence:
        for _ in range(_TRIES):
            before = self._known.pop(view, None)
            if before is None or before.epoch != epoch:
                head = self._head(view, redos=1)
                if head is None or head.fence.epoch != epoch:
                    break
                self._finish(head)
                before = head.fence
            after = replace(before, version=before.version + 1)
            if self._swap(view, before, after, told, redo):
                return after
        raise StateError(f"view {view}", "another worker has taken it over", "Stop this one.", fenced=True)

    def _finish(self, head: Head) -> None:
        """Write the states of the last put, whose worker may have died over it."""
        redo = head.redo.get(head.fence.version)
        if redo is not None:
            self._write(head.fence, layout.unpacked(redo))

    def _write(self, fence: Fence, changes: Sequence[Change]) -> None:
        generation, at = fence.generation, fence.time
        self._table.mutate(
            (layout.state_row(generation, key, window), [bigtable.put("state", b"s", msgspec.json.encode(cell), at)])
            for key, window, cell in changes
        )

    def _get(self, generation: str, wanted: Sequence[Address]) -> dict[Address, Kept]:
        found: dict[Address, Kept] = {}
        for at in range(0, len(wanted), _AT_ONCE):
            some = [layout.state_row(generation, *address) for address in wanted[at : at + _AT_ONCE]]
            for row in self._table.rows(keys=some, chosen=layout.newest()):
                address, cell = layout.decoded(row)
                if not cell.dropped:
                    found[address] = layout.kept(address, cell)
        return found

    def _scan(self, generation: str, after: Address | None, limit: int, key: str | None = None) -> list[Kept]:
        prefix = layout.state_row(generation, *(() if key is None else (key,)))
        beyond = b"" if after is None else layout.state_row(generation, *after)
        found: list[Kept] = []
        while len(found) < limit:
            rows = self._table.rows(prefix=prefix, after=beyond, chosen=layout.newest(), limit=limit - len(found))
            if not rows:
                break
            beyond = rows[-1].key
            decoded = [layout.decoded(row) for row in rows]
            found += [layout.kept(address, cell) for address, cell in decoded if not cell.dropped]
        return found

    def _told(self, head: Head, since: int) -> Changes | None:
        """What changed, as the view's row tells it; None where it does not reach back so far."""
        found: Changes = {}
        for version in range(since + 1, head.fence.version + 1):
            redo = head.redo.get(version)
            if redo is None:
                return None
            found |= {(key, window): (version, cell) for key, window, cell in layout.unpacked(redo)}
        return found

    def _seen(self, view: str, head: Head, since: int) -> Changes | None:
        """What changed, as the states tell it: each in its newest version that is none of later puts."""
        fence = head.fence
        span = bigtable.between(max(0, since - fence.base + 1) * MILLISECOND, fence.time + MILLISECOND)
        chosen = bigtable.every(bigtable.families("state"), span, bigtable.latest())
        found: Changes = {}
        for row in self._table.rows(prefix=layout.state_row(fence.generation), chosen=chosen):
            address, cell = layout.decoded(row)
            found[address] = (row.cells[0].timestamp // MILLISECOND + fence.base, cell)
        redo = head.redo.get(fence.version)
        if redo is not None:  # its states may not have been written yet
            found |= {(key, window): (fence.version, cell) for key, window, cell in layout.unpacked(redo)}
        now = self._head(view)
        if now is None or now.fence.generation != fence.generation:
            return None
        return found if now.fence.version - fence.version < FAMILIES["state"] else None

    def _tell_drops(self, before: str, after: str, local: int) -> None:
        """Let the generation `after` say that what only `before` has was dropped."""
        beyond: Address | None = None
        cell = msgspec.json.encode(Stored(int(time.time())))
        while page := self._scan(before, beyond, _AT_ONCE):
            addresses = [(each.key, each.window) for each in page]
            beyond, kept = addresses[-1], self._get(after, addresses)
            drop = [bigtable.put("state", b"s", cell, local * MILLISECOND)]
            self._table.mutate((layout.state_row(after, *each), drop) for each in addresses if each not in kept)

    def _remove(self, view: str, head: Head) -> Fence:
        """Remove the rows of generations that are over; answer the fence that says so."""
        fence = head.fence
        if not fence.garbage:
            return fence
        for generation in fence.garbage:
            beyond = b""
            while rows := self._table.rows(
                prefix=layout.state_row(generation), after=beyond, chosen=bigtable.keys_only(), limit=_AT_ONCE
            ):
                beyond = rows[-1].key
                self._table.mutate((row.key, [bigtable.erase()]) for row in rows)
        clean = replace(fence, garbage=())
        return clean if self._swap(view, fence, clean) else fence

    def _dropped(self, fence: Fence) -> deque[tuple[int, Address, int]]:
        """The drops that are still told."""
        chosen = bigtable.every(layout.newest(), bigtable.Filter(value_regex_filter=_DROPPED))
        rows = self._table.rows(prefix=layout.state_row(fence.generation), chosen=chosen)
        found = [
            (cell.dropped, address, row.cells[0].timestamp) for row in rows for address, cell in (layout.decoded(row),)
        ]
        return deque(sorted(found))

    def _forget(self, view: str, fence: Fence) -> None:
        """Remove drops that were told for long enough, and what was there before them; not what came after."""
        drops, due = self._drops.get(view, deque()), time.time() - self._remembered
        some: list[tuple[bytes, list[Any]]] = []
        while drops and drops[0][0] <= due:
            _, address, at = drops.popleft()
            some.append(
                (layout.state_row(fence.generation, *address), [bigtable.clear("state", b"s", 0, at + MILLISECOND)])
            )
        self._table.mutate(some)
