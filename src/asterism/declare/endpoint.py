"""Endpoints: doors by which a service outside pushes into a stream, each in that service's own protocol."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from asterism.declare.stream import Stream


@dataclass(frozen=True, slots=True)
class Sns:
    """Amazon SNS by HTTP(S): `POST /sns/<stream>`.

    `topics` are the ARNs that may send; anything else is refused. Signatures are verified (versions 1 and 2), and
    subscriptions of these topics confirmed. The record is the notification's Message, its id the MessageId. With `raw`,
    deliveries without an envelope are taken too: they carry no signature, so a token with the scope `ingest:<stream>`
    is asked for, as the password of HTTP basic authentication or as a bearer token.
    """

    topics: tuple[str, ...] | list[str]
    raw: bool = False
    max_age: timedelta = timedelta(hours=24)
    """An older notification is refused as replayed; SNS itself retries for less than that unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A door, and the stream behind it."""

    service: Sns
    stream: Stream
