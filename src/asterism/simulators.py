"""What a simulator of a platform is written with."""

from asterism.declare.simulator import Database, Transaction

__all__ = ["Database", "Transaction"]
