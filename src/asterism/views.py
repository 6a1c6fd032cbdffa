"""What a live view of a platform is written with."""

from asterism.declare.view import Window, hopping, tumbling

__all__ = ["Window", "hopping", "tumbling"]
