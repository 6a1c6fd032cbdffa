"""The life of totesys, made up: a database of its real size and habits, and what happens in it from then on."""

from totesys_simulator.history import prepare
from totesys_simulator.live import live

__all__ = ["live", "prepare"]
