"""CloudEvents 1.0 over HTTP: the record is an event's data, its id the event's source and id.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

ONE, BATCH = b"application/cloudevents+json", b"application/cloudevents-batch+json"


_NONE = msgspec.Raw()


class _Event(msgspec.Struct, frozen=True):
    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw = _NONE
    data_base64: str | None = None


_DECODER = msgspec.json.Decoder(_Event)


def event(body: bytes) -> tuple[bytes, str]:
    """The record and id of a structured event. Raises ValueError with the reason."""
    try:
        found = _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"it is no CloudEvent: {error or 'nested too deeply'}") from error
    key = _id(found.specversion, found.source, found.id)
    data = bytes(found.data)
    if data:
        return data, key
    if found.data_base64 is None:
        raise ValueError("the CloudEvent has no data")
    try:
        return base64.b64decode(found.data_base64, validate=True), key
    except binascii.Error as error:
        raise ValueError(f"the CloudEvent's data_base64 cannot be read: {error}") from error


def is_binary(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is an event in binary mode: attributes in headers, data in the body."""
    return b"ce-specversion" in headers


def binary_id(headers: Mapping[bytes, bytes]) -> str:
    """The id of an event in binary mode. Raises ValueError with the reason."""
    values = {}
    for name in (b"ce-specversion", b"ce-source", b"ce-id", b"ce-type"):
        text = unquote(headers.get(name, b"").decode("utf-8", "replace"))
        if not text:
            raise ValueError(f"the CloudEvent has no {name[3:].decode()}")
        values[name] = text
    return _id(values[b"ce-specversion"], values[b"ce-source"], values[b"ce-id"])


def _id(version: str, source: str, key: str) -> str:
    if not version.startswith("1."):
        raise ValueError(f"the CloudEvent is of version {version!r}, and 1.0 is known")
    if "\0" in source + key:
        raise ValueError("the CloudEvent's id holds the character U+0000")
    if not (source and key):
        raise ValueError("the CloudEvent's source and id must not be empty")
    return f"{source}/{key}"
