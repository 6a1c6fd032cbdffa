"""What PostgreSQL's driver notes beside each column of an Arrow schema: the type it had there."""

from __future__ import annotations

import ctypes
from typing import Any


class _Schema(ctypes.Structure):
    """ArrowSchema of the Arrow C data interface."""


_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def postgres_types(stream: Any) -> list[tuple[str, str, int]]:
    """Name, type and type modifier (-1 for none) of each column of a result of the driver."""
    capsule = stream.__arrow_c_schema__()
    schema = _Schema.from_address(_pointer(capsule, b"arrow_schema"))
    found = []
    for place in range(schema.n_children):
        field = schema.children[place].contents
        notes = _metadata(field.metadata)
        modifier = int(notes.get(b"POSTGRESQL:typmod", b"-1"))
        found.append((field.name.decode(), notes.get(b"POSTGRESQL:type", b"").decode(), modifier))
    return found


def _metadata(address: int | None) -> dict[bytes, bytes]:
    """Key-value pairs as the interface lays them out: a count, then lengths and bytes, all int32 in native order."""
    notes: dict[bytes, bytes] = {}
    if not address:
        return notes
    count, offset = ctypes.c_int32.from_address(address).value, address + 4
    for _ in range(count):
        pair = []
        for _ in range(2):
            length = ctypes.c_int32.from_address(offset).value
            pair.append(ctypes.string_at(offset + 4, length))
            offset += 4 + length
        notes[pair[0]] = pair[1]
    return notes
