"""What a simulator of a platform is written with."""

from asterism.declare.simulator import Database, Transaction
from asterism.declare.stream import Timed

__all__ = ["Database", "Timed", "Transaction"]
