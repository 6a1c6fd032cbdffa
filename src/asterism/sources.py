"""The sources a platform can pull from."""

from asterism.declare.source import Postgres

__all__ = ["Postgres"]
