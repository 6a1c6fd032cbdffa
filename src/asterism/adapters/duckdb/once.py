"""A DuckDB result as an Arrow stream that tells its schema beforehand.

Without it a reader learns the schema from a stream of its own, and the question runs twice. The layout is that of the
Arrow C data and C stream interfaces.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable


class _Schema(ctypes.Structure):
    """ArrowSchema, of which only the way to let go of it is looked at."""

    _fields_ = (("_fields", ctypes.c_int64 * 7), ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p))


class _Stream(ctypes.Structure):
    """ArrowArrayStream, as far as it is used."""

    _fields_ = (("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Schema))),)


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_release = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))


class OnceStream:
    """Implements `ArrowStream`, read once: `take` runs the question, and answers the stream's capsule."""

    def __init__(self, take: Callable[[], object]) -> None:
        self._take = take
        self._stream: object | None = None
        self._schemas: list[_Schema] = []

    def __arrow_c_schema__(self) -> object:
        """Hand the schema over."""
        if self._stream is None:
            self._stream = self._take()
        address = _pointer(self._stream, b"arrow_array_stream")
        schema = _Schema()
        if _Stream.from_address(address).get_schema(address, ctypes.byref(schema)):
            raise ValueError("the stream has no schema")
        self._schemas.append(schema)  # it lives as long as this object, unless whoever is given it takes it over
        return _capsule(ctypes.addressof(schema), b"arrow_schema", None)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """See `ArrowStream`."""
        stream, self._stream = self._stream, None
        return self._take() if stream is None else stream

    def __del__(self) -> None:
        for schema in self._schemas:
            if schema.release:
                _release(schema.release)(ctypes.byref(schema))
