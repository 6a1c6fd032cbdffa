"""lzop's files: a header, then blocks of LZO1X with checksums, and a block of length 0 at the end.

Source of the format: lzop's own description of its file format (magic, header of version 0x094x, blocks).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import chain

from lzallright import LZOCompressor, LZOError

MAGIC = b"\x89LZO\x00\r\n\x1a\n"
BLOCK = 256 * 1024
"""Bytes of content a block, as lzop writes them."""
_LARGEST = 64 * 1024 * 1024
"""Bytes of content that lzop allows a block."""

_ADLER_CONTENT, _ADLER_PACKED = 0x1, 0x2
_EXTRA_FIELD, _CRC_CONTENT, _CRC_PACKED = 0x40, 0x100, 0x200
_MULTIPART, _FILTER, _CRC_HEADER = 0x400, 0x800, 0x1000
_WITH_LEVEL, _WITH_FILTER = 0x0940, 0x0950
_METHODS = {1, 2, 3}
"""LZO1X-1, LZO1X-1(15) and LZO1X-999: one decompressor reads all of them."""


class LzopError(ValueError):
    """The bytes are no whole file of lzop's."""


class _Bytes:
    """Chunks, read in exact lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def take(self, length: int) -> bytes:
        """So many bytes. Raises LzopError where there are fewer."""
        parts, missing = [self._rest], length - len(self._rest)
        while missing > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise LzopError("it ends in the middle")
            parts.append(chunk)
            missing -= len(chunk)
        whole = b"".join(parts)
        self._rest = whole[length:]
        return whole[:length]

    def number(self) -> int:
        """32 bits, the highest first."""
        return int.from_bytes(self.take(4))

    def at_end(self) -> bool:
        """Whether nothing follows."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._rest = chunk
        return False


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a file, or of several one after the other, a block at a time. Raises LzopError."""
    source = _Bytes(chunks)
    while not source.at_end():
        yield from _blocks(source, _header(source))


def _header(source: _Bytes) -> int:
    """Read a header; answer its flags."""
    if source.take(len(MAGIC)) != MAGIC:
        raise LzopError("what follows is no file of lzop's")
    read = bytearray()

    def take(length: int) -> int:
        part = source.take(length)
        read.extend(part)
        return int.from_bytes(part)

    version, _library = take(2), take(2)
    _needed = take(2) if version >= _WITH_LEVEL else 0
    method = take(1)
    if version >= _WITH_LEVEL:
        take(1)
    flags = take(4)
    if flags & _FILTER:
        take(4)
    take(4)
    take(8 if version >= _WITH_LEVEL else 4)
    take(take(1))
    check = zlib.crc32 if flags & _CRC_HEADER else zlib.adler32
    if source.number() != check(bytes(read)):
        raise LzopError("its header is damaged")
    if flags & _EXTRA_FIELD:
        source.take(source.number() + 4)
    if method not in _METHODS or flags & (_FILTER | _MULTIPART):
        raise LzopError(f"it is packed in a way that is not known (method {method}, flags {flags:#x})")
    return flags


def _blocks(source: _Bytes, flags: int) -> Iterator[bytes]:
    while length := source.number():
        packed_length = source.number()
        if length > _LARGEST or packed_length > length:
            raise LzopError("the length of a block is damaged")
        of_content = [source.number() for flag in (_ADLER_CONTENT, _CRC_CONTENT) if flags & flag]
        is_packed = packed_length < length
        of_packed = [source.number() for flag in (_ADLER_PACKED, _CRC_PACKED) if flags & flag and is_packed]
        block = source.take(packed_length)
        _verify(block, of_packed, flags & _ADLER_PACKED)
        content = _decompress(block, length) if is_packed else block
        _verify(content, of_content, flags & _ADLER_CONTENT)
        yield content


def _decompress(block: bytes, length: int) -> bytes:
    try:
        content: bytes = LZOCompressor.decompress(block, length)
    except LZOError as error:
        raise LzopError(f"a block is damaged: {error}") from error
    if len(content) != length:
        raise LzopError("a block has another length than it says")
    return content


def _verify(data: bytes, sums: list[int], adler_first: int) -> None:
    checks: list[Callable[[bytes], int]] = [zlib.adler32, zlib.crc32] if adler_first else [zlib.crc32]
    for check, expected in zip(checks, sums, strict=False):
        if check(data) != expected:
            raise LzopError("a checksum does not agree")


def packed(content: bytes) -> bytes:
    """A file as lzop makes it, for tests and made-up data."""
    flags = _ADLER_CONTENT
    head = b"".join(
        number.to_bytes(width)
        for number, width in (
            (0x1040, 2), (0x20A0, 2), (0x0940, 2), (1, 1), (5, 1), (flags, 4), (0o100644, 4), (0, 8), (0, 1)
        )
    )  # fmt: skip
    compressor = LZOCompressor()
    pieces = (content[start : start + BLOCK] for start in range(0, len(content), BLOCK))
    blocks = chain.from_iterable(_packed_block(compressor, piece) for piece in pieces)
    return b"".join([MAGIC, head, zlib.adler32(head).to_bytes(4), *blocks, bytes(4)])


def _packed_block(compressor: LZOCompressor, piece: bytes) -> tuple[bytes, ...]:
    block = compressor.compress(piece)
    body = block if len(block) < len(piece) else piece
    return len(piece).to_bytes(4), len(body).to_bytes(4), zlib.adler32(piece).to_bytes(4), body
