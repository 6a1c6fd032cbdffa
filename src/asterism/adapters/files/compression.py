"""Compressed objects, told by their first bytes: names have been seen to lie."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import zstandard

from asterism.adapters.files import lzop

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MOST = 1 << 18
"""Bytes that are handed on at once, however well they were packed."""
_SLICE = 1 << 11
"""Bytes of zstd that are unpacked at once: packed as well as can be, they become 64 MB."""


class DamagedError(ValueError):
    """The object cannot be unpacked any further; what it says is the reason."""


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of an object: plain, gzip, zstd or lzop's. Bounded memory. Raises DamagedError where it is broken."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(lzop.MAGIC):
            break
    try:
        if head.startswith(_GZIP):
            yield from _gunzipped(_after(head, chunks))
        elif head.startswith(_ZSTD):
            yield from _unzstandard(_after(head, chunks))
        elif head.startswith(lzop.MAGIC):
            yield from lzop.unpacked(_after(head, chunks))
        else:
            yield from _after(head, chunks)
    except (zlib.error, zstandard.ZstdError, lzop.LzopError) as error:
        raise DamagedError(f"the object is damaged: {error}") from error


def _after(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """One member, or several one after the other."""
    inflate = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        data = chunk
        while data:
            if inflate.eof:
                data = data.lstrip(b"\0")  # padding, as tapes have it
                if not data:
                    break
                inflate = zlib.decompressobj(wbits=31)
            yield inflate.decompress(data, _MOST)
            data = inflate.unconsumed_tail or inflate.unused_data
    if not inflate.eof:
        raise zlib.error("it ends in the middle")


def _unzstandard(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """One frame, or several one after the other. A slice at a time: what it unpacks to comes at once."""
    inflate = zstandard.ZstdDecompressor().decompressobj()
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE):
            data = chunk[start : start + _SLICE]
            while data:
                if inflate.eof:
                    inflate = zstandard.ZstdDecompressor().decompressobj()
                yield inflate.decompress(data)
                data = inflate.unused_data if inflate.eof else b""
    if not inflate.eof:
        raise zstandard.ZstdError("it ends in the middle")
