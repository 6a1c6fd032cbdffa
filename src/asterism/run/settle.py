"""Settle: wait until what stands in the log has gone through everything that makes records of records."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from asterism.declare.platform import Platform
from asterism.declare.storing import Storing
from asterism.declare.stream import Stream
from asterism.errors import ViewError
from asterism.ports.events import Events
from asterism.ports.log import Log, Offsets
from asterism.ports.state import State
from asterism.run import store
from asterism.run.transform import TransformWorker
from asterism.run.transform import consumer as of_transform
from asterism.run.view import consumer as of_view
from asterism.run.view import worker as view_worker

PATIENCE = 30.0
"""Seconds: a view that stands still holds up nobody for longer."""
_GLANCE = 0.02


class Maker(NamedTuple):
    """Somebody who reads a stream, and appends what it makes of it to another; None: stores it elsewhere."""

    consumer: str
    stream: Stream
    into: Stream | None


def makers(platform: Platform, storings: Sequence[Storing] = ()) -> list[Maker]:
    """Transforms, views that tell, and the event store's readers, each behind those that make what it reads.

    A stream is stored before views tell of it. In a circle they come as declared.
    """
    waiting = [Maker(of_transform(each.name), each.stream, each.into) for each in platform.transforms]
    waiting += [Maker(of_view(each.name), each.stream, each.into) for each in platform.views if each.into is not None]
    waiting = [*(Maker(store.CONSUMER, each.stream, None) for each in storings), *waiting]
    ordered: list[Maker] = []
    while waiting:
        made = {each.into.name for each in waiting if each.into is not None}
        first = next((each for each in waiting if each.stream.name not in made), waiting[0])
        waiting.remove(first)
        ordered.append(first)
    return ordered


def make(
    platform: Platform, log: Log, state: State, storings: Sequence[Storing] = (), events: Events | None = None
) -> None:
    """Do the makers' work here, where nobody else does, until nothing is left. A view that stands still is left so.

    Raises LogError, StateError.
    """
    transforms = {of_transform(each.name): each for each in platform.transforms}
    views = {of_view(each.name): each for each in platform.views}
    stored = {each.stream.name: each for each in storings}
    for maker in makers(platform, storings):
        with suppress(ViewError):
            if maker.into is None and events is not None:
                step: Callable[[float], int] = store.StoreWorker(stored[maker.stream.name], log, events).step
            elif maker.consumer in transforms:
                step = TransformWorker(transforms[maker.consumer], log).step
            else:
                step = view_worker(views[maker.consumer], log, state, storings, events).step
            while step(0.0):
                pass


def settle(
    made_by: Sequence[Maker], log: Log, stopped: Callable[[float], bool] = lambda _: False, patience: float = PATIENCE
) -> bool:
    """Wait until what the log has now, and what is made of it, stands in it; answer whether it does.

    `stopped` waits for so many seconds and answers whether to give up; so does `patience`, in seconds. What comes
    meanwhile is not waited for. Raises LogError.
    """
    until = time.monotonic() + patience
    for each in made_by:
        end = log.standing(each.stream.name).end  # with all that was made for it: those before have come so far
        while not _beyond(log.standing(each.stream.name).committed.get(each.consumer, {}), end):
            if stopped(_GLANCE) or time.monotonic() >= until:
                return False
    return True


def _beyond(offsets: Offsets, end: Offsets) -> bool:
    return all(offsets.get(partition, -1) >= position for partition, position in end.items())
