"""Sessions: a browser that has shown a token is known by a cookie from then on.

The cookie holds no secret of the token: its id, until when it counts, and a signature over both and the token's hash,
by a key that lies in the stage's state folder. So a session survives a restart, ends with its token, and opens as much.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from contextlib import suppress
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from asterism.run.tokens import Token, Tokens

SECONDS = 12 * 3600
"""How long a session lasts at most."""


class Sessions:
    """The sessions of the stage whose state is in `folder`. Used by one event loop."""

    def __init__(self, folder: Path, tokens: Tokens) -> None:
        self._file = folder / "session.key"
        self._tokens = tokens
        self._known: bytes = b""
        # Cookies know no ports: two platforms on one machine must not put out each other's.
        self.name = f"asterism-{sha256(str(folder.absolute()).encode()).hexdigest()[:10]}"

    def open(self, token: Token, *, secure: bool) -> str:
        """The `Set-Cookie` of a session that opens what `token` does."""
        until = int(time.time()) + SECONDS
        value = f"{token.id}.{until}.{self._signature(token, until)}"
        return self._cookie(value, SECONDS, secure=secure)

    def closed(self, *, secure: bool) -> str:
        """The `Set-Cookie` that ends it."""
        return self._cookie("", 0, secure=secure)

    def find(self, cookies: bytes) -> Token | None:
        """The token behind a `Cookie` header; None where there is no session, or no longer."""
        try:
            found = SimpleCookie(cookies.decode("latin-1")).get(self.name)
        except CookieError:
            return None
        parts = found.value.split(".") if found is not None else []
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit()):  # noqa: PLR2004 - as `open` writes it
            return None
        token, until = self._tokens.of(parts[0]), int(parts[1])
        if token is None or until <= time.time():
            return None
        expected = self._signature(token, until)
        return token if hmac.compare_digest(expected.encode(), parts[2].encode("utf-8", "replace")) else None

    def _signature(self, token: Token, until: int) -> str:
        return hmac.new(self._key(), f"{token.id}.{until}.{token.hash}".encode(), sha256).hexdigest()

    def _key(self) -> bytes:
        if not self._known:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                beside = self._file.with_suffix(f".{os.getpid()}")
                with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                    stream.write(secrets.token_bytes(32))
                try:
                    os.link(beside, self._file)  # whole, or not at all; and never over one that is there
                finally:
                    beside.unlink()
            self._known = self._file.read_bytes()
        return self._known

    def _cookie(self, value: str, seconds: int, *, secure: bool) -> str:
        marks = f"Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{'; Secure' if secure else ''}"
        return f"{self.name}={value}; {marks}"
