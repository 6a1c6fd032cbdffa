"""Asterism: events and operational tables into star schemas, declared once, run anywhere."""

from typing import TYPE_CHECKING, Any

from asterism.declare.platform import Platform

if TYPE_CHECKING:
    from asterism.declare.record import Record

__all__ = ["Platform", "Record"]


def __getattr__(name: str) -> Any:
    """Import `Record` when it is first asked for: msgspec doubles the time that `import asterism` takes."""
    if name == "Record":
        from asterism.declare.record import Record  # noqa: PLC0415 - see above

        return Record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
