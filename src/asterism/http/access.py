"""Access: who asks, whether they may, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping

from asterism.http.asgi import Scope
from asterism.http.problem import HttpProblem
from asterism.http.rates import Rates
from asterism.http.sessions import Sessions
from asterism.run.tokens import Token, Tokens

_REALM = 'Bearer realm="asterism"'


CONSOLE = b"asterism-console"
"""The header that our own pages send. Pages of other sites cannot: their browser would ask us first, and we refuse."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Access:
    """The door's guard. Used by one event loop."""

    def __init__(self, tokens: Tokens, rates: Rates, sessions: Sessions) -> None:
        self._tokens = tokens
        self._rates = rates
        self.sessions = sessions

    def admit(self, scope: Scope, headers: Mapping[bytes, bytes], needed: str | None) -> Token | None:
        """Let a request pass that carries a token with the scope `needed`; None lets anybody pass.

        Answers the token, if one was needed. Raises HttpProblem: 401, 403, 429.
        """
        if needed is None:
            self._count(_address(scope))
            return None
        token = self.who(headers)
        if token is None:
            self._count(_address(scope))  # guessing is slowed down as well
            raise _unauthorized(headers)
        self._count(token.id)
        if b"authorization" not in headers and scope["method"] not in _SAFE:
            self.own(headers)
        if not token.allows(needed):
            challenge = f'{_REALM}, error="insufficient_scope", scope="{needed}"'
            detail = f"The token {token.id} has not the scope {needed}."
            raise HttpProblem(403, detail, headers={"WWW-Authenticate": challenge})
        return token

    def who(self, headers: Mapping[bytes, bytes]) -> Token | None:
        """The token that a request carries, or that its session was opened with."""
        if b"authorization" in headers or b"cookie" not in headers:
            return self._token(headers.get(b"authorization", b""))
        return self.sessions.find(headers[b"cookie"])

    def find(self, text: str) -> Token | None:
        """The token of this text; None where there is none, or no longer."""
        return self._tokens.find(text)

    def own(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse what a page of another site has its reader's browser send. Raises HttpProblem 403."""
        if CONSOLE not in headers:
            detail = f"With a session, the header {CONSOLE.decode()} is needed: it tells our pages from others."
            raise HttpProblem(403, detail)

    def still(self, token: Token) -> bool:
        """Whether a token that was let in a while ago still holds."""
        return self._tokens.holds(token)

    def _token(self, given: bytes) -> Token | None:
        if given[:7].lower() != b"bearer ":
            return None
        return self._tokens.find(given[7:].strip().decode("ascii", "replace"))

    def _count(self, client: str) -> None:
        seconds = self._rates.wait(client)
        if seconds:
            wait = str(math.ceil(seconds))
            raise HttpProblem(429, f"Too many requests. Wait {wait} s.", headers={"Retry-After": wait})


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _unauthorized(headers: Mapping[bytes, bytes]) -> HttpProblem:
    if b"authorization" not in headers:
        detail = "A token is needed: Authorization: Bearer ast_…; `asterism token create` makes one."
        return HttpProblem(401, detail, headers={"WWW-Authenticate": _REALM})
    detail = "This token is not known, or not any more."
    return HttpProblem(401, detail, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
