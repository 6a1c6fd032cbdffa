"""The sources a platform can pull from, and the services that may push into its streams."""

from asterism.declare.endpoint import Sns
from asterism.declare.source import Amplitude, Files, Postgres

__all__ = ["Amplitude", "Files", "Postgres", "Sns"]
