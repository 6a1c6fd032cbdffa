"""The version of the data: while it stays, a question that asks for nothing but data has the same answer."""

from __future__ import annotations

import secrets
import threading
import time

from asterism.plan.translate import translate
from asterism.ports.reader import Reader

_FRESH = 0.02
"""Seconds for which it is not looked at again."""
_SQL = """
SELECT
    (SELECT max(seq) FROM _asterism.refreshes WHERE seq >= CAST($1 AS BIGINT)),
    (SELECT max(committed_at) FROM _asterism.refreshes WHERE seq >= CAST($1 AS BIGINT)),
    (SELECT sum(seq) FROM _asterism.cursors WHERE loading)
"""


class Versions:
    """The number of the last refresh, looked at anew after a moment, and when something else may have changed data."""

    def __init__(self) -> None:
        self._own = f"{secrets.token_hex(4)}."
        self._turns = 0
        self._seen = 0
        self._version = ""
        self._until = 0.0
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Say that something else has changed."""
        with self._lock:
            self._turns += 1
            self._until = 0.0

    def of(self, reader: Reader) -> str:
        """The version that a question of now sees at least."""
        if time.monotonic() < self._until:
            return self._version
        with self._lock:
            if time.monotonic() >= self._until:
                sql = translate(_SQL, reader.dialect)
                ((row,),) = reader.rows(sql, [self._seen])
                if row[0] is None and self._seen:
                    ((row,),) = reader.rows(sql, [0])  # the ledger has begun anew
                self._seen = int(row[0] or 0)
                self._version = f"{self._own}{self._turns}.{'.'.join(map(str, row))}"
                self._until = time.monotonic() + _FRESH
            return self._version
