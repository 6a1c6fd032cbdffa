"""Asterism: events and operational tables into star schemas, declared once, run anywhere."""

from asterism.declare.platform import Platform
from asterism.declare.record import Record

__all__ = ["Platform", "Record"]
