"""Records: the declared shape of an event."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of a stream's schema: annotate fields as in a dataclass."""
