"""Programs that are measured, each in a process of its own: JSON in (the argument), JSON out (the last line).

Those of the peers run in an environment of their own, and know nothing of Asterism. Imports and the start of an
interpreter are never part of a time.
"""
