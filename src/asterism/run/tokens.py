"""Tokens: who may do what over HTTP. Only hashes are kept, in the stage's state folder.

A token's text is `ast_<id>_<secret>` with 256 random bits: so many that one plain SHA-256 of it is safe to keep.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from filelock import FileLock

from asterism.errors import AsterismError, UsageError

ADMIN = "admin"
SCOPES = f"ingest:STREAM, ingest:*, read, sql, metrics and {ADMIN}"
"""What scopes there are: append to a stream or to any, read views, ask queries, ask SQL, scrape, and everything."""

_SCOPE = re.compile(r"ingest:(\*|[a-z][a-z0-9_-]*)|read|sql|metrics|admin")
_SEEN_FOR = 0.5
"""Seconds for which a token that was found counts as still there."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. Times are naive UTC."""

    id: str
    hash: str = field(repr=False)
    scopes: tuple[str, ...]
    created: datetime
    name: str = ""
    expires: datetime | None = None

    def allows(self, scope: str) -> bool:
        """Whether the token carries a scope, by itself or by a wider one."""
        held = self.scopes
        return scope in held or ADMIN in held or ("ingest:*" in held and scope.startswith("ingest:"))

    def is_over(self) -> bool:
        """Whether it has expired."""
        return self.expires is not None and datetime.now(UTC).replace(tzinfo=None) >= self.expires


class Tokens:
    """The tokens of a stage whose state is in `folder`. What is made elsewhere is seen at once, what is revoked soon.

    Used by one thread; a second object of the same folder may serve another.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = folder / "tokens.json"
        self._lock = folder / "tokens.lock"
        self._clock = clock
        self._look_at = 0.0
        self._stamp: tuple[int, ...] = ()
        self._known: dict[str, tuple[bytes, Token]] = {}

    def find(self, text: str) -> Token | None:
        """The token of this text; None where there is none, or no longer. Takes as long for one secret as for another.

        Raises AsterismError where the file cannot be read: then nobody is let in.
        """
        key = text.partition("_")[2].partition("_")[0]
        if key not in self._known or self._clock() >= self._look_at:
            self._look()
        expected, token = self._known.get(key, (b"", None))
        hashed = sha256(text.encode("utf-8", "surrogateescape")).hexdigest().encode()
        if token is None or not hmac.compare_digest(hashed, expected) or token.is_over():
            return None
        return token

    def of(self, key: str) -> Token | None:
        """The token of this id, for who has shown it before; None where there is none any more. Raises as `find`."""
        if self._clock() >= self._look_at:
            self._look()
        _, token = self._known.get(key, (b"", None))
        return None if token is None or token.is_over() else token

    def holds(self, token: Token) -> bool:
        """Whether a token that was found is still there, and not over. Raises as `find`."""
        if self._clock() >= self._look_at:
            self._look()
        return token.id in self._known and not token.is_over()

    def all(self) -> list[Token]:
        """Every token, in the order of their making. Raises AsterismError where the file is damaged."""
        try:
            content = self._file.read_bytes()
            return msgspec.json.decode(content, type=list[Token])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            remedy = "Put back a copy of it, or delete it and create tokens anew."
            raise AsterismError(f"the tokens in {self._file}", f"cannot be read: {error}", remedy) from error

    def create(self, scopes: tuple[str, ...], name: str = "", lasting: timedelta | None = None) -> tuple[str, Token]:
        """Make a token: its text, which cannot be had again, and what is kept of it. Raises UsageError for a scope."""
        for scope in scopes:
            if _SCOPE.fullmatch(scope) is None:
                raise UsageError("token", f"{scope!r} is not a scope", f"Scopes are {SCOPES}.")
        if not scopes:
            raise UsageError("token", "would be allowed nothing", f"Give it a --scope: {SCOPES}.")
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        try:
            expires = now + lasting if lasting else None
        except OverflowError as error:
            raise UsageError("token", "would outlast the calendar", "Leave out --expires.") from error
        with self._held():
            before = self.all()
            taken = {token.id for token in before}
            key = next(key for key in iter(lambda: secrets.token_hex(5), "") if key not in taken)
            text = f"ast_{key}_{secrets.token_urlsafe(32)}"
            hashed = sha256(text.encode()).hexdigest()
            token = Token(key, hashed, tuple(dict.fromkeys(scopes)), now, name, expires)
            self._write([*before, token])
        return text, token

    def revoke(self, key: str) -> Token:
        """Forget a token: it opens nothing within a second. Raises UsageError where there is none of this id."""
        with self._held():
            tokens = self.all()
            found = next((token for token in tokens if token.id == key), None)
            if found is None:
                raise UsageError(f"token {key}", "does not exist", "`asterism token list` shows the ids.")
            self._write([token for token in tokens if token is not found])
        return found

    def _look(self) -> None:
        self._look_at = self._clock() + _SEEN_FOR
        try:
            seen = self._file.stat()
        except OSError:
            stamp: tuple[int, ...] = ()
        else:
            stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if stamp != self._stamp:
            self._known = {}  # should reading raise, nobody is let in until it can be read
            self._known = {token.id: (token.hash.encode(), token) for token in self.all()}
            self._stamp = stamp

    def _held(self) -> FileLock:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self._lock, mode=0o600)

    def _write(self, tokens: list[Token]) -> None:
        beside = self._file.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(tokens)))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._file)
