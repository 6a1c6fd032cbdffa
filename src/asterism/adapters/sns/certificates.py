"""The certificates that messages of Amazon SNS are signed with, fetched once and kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from cryptography import x509

from asterism.adapters.sns.verify import is_valid_at, load_certificate
from asterism.errors import SourceError

_LARGEST = 64 * 1024
"""Bytes of an answer that are read."""
_LATER = frozenset({408, 425, 429})
"""Of the answers below 500, those that may be another tomorrow. The rest say that the address is wrong: nothing there
redirects, and over TLS nobody between here and there can have said it."""


Value = TypeVar("Value")


class Certificates:
    """Fetches over HTTPS, without redirects, and keeps what it found. Addresses are checked by the caller before.

    `transport` says how hosts are reached and who is trusted: the system's authorities unless given. `seconds` bounds
    a whole fetch. Several threads may use it.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        seconds: float = 5.0,
        capacity: int = 64,
        refusals: float = 60.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """An address that was refused is refused for `refusals` seconds more without asking."""
        self._client = httpx.Client(
            transport=transport, timeout=seconds, follow_redirects=False, headers={"accept-encoding": "identity"}
        )
        self._seconds = seconds
        self._capacity = capacity
        self._refusals = refusals
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._refused: OrderedDict[str, tuple[float, SourceError]] = OrderedDict()

    def kept(self, url: str) -> x509.Certificate | None:
        """The certificate of an address, where it is known and holds today. Raises what it was refused for before."""
        with self._lock:
            certificate = self._kept.get(url)
            if certificate is not None and is_valid_at(certificate, self._clock()):
                self._kept.move_to_end(url)
                return certificate
            until, error = self._refused.get(url, (0.0, None))
            if error is not None and time.monotonic() < until:
                raise SourceError(error.subject, error.fact, error.remedy)
            return None

    def fetch(self, url: str) -> x509.Certificate:
        """Fetch a certificate. Raises SourceError, `transient` where that may pass, which is not remembered."""
        try:
            certificate = self._load(url)
        except SourceError as error:
            if not error.transient:
                self._keep(self._refused, url, (time.monotonic() + self._refusals, error))
            raise
        self._keep(self._kept, url, certificate)
        return certificate

    def _load(self, url: str) -> x509.Certificate:
        certificate = load_certificate(self.visit(url), url)
        if not is_valid_at(certificate, self._clock()):
            until = certificate.not_valid_after_utc.isoformat()
            raise SourceError(url, f"is a certificate that does not hold today: it ends at {until}")
        return certificate

    def visit(self, url: str) -> bytes:
        """Ask an address once, and answer what it says. Raises SourceError, as `fetch`."""
        deadline = time.monotonic() + self._seconds
        found = bytearray()
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code != httpx.codes.OK:
                    transient = answer.status_code in _LATER or answer.is_server_error
                    raise SourceError(url, f"answered with status {answer.status_code}", transient=transient)
                for chunk in answer.iter_raw():
                    found += chunk
                    if len(found) > _LARGEST:
                        raise SourceError(url, f"answered with more than {_LARGEST} bytes")
                    if time.monotonic() > deadline:
                        raise SourceError(url, f"took longer than {self._seconds:g} s", transient=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(url, f"cannot be reached: {error or type(error).__name__}", transient=True) from error
        return bytes(found)

    def close(self) -> None:
        """Let go of connections. Repeating it does nothing."""
        self._client.close()

    def _keep(self, where: OrderedDict[str, Value], key: str, value: Value) -> None:
        with self._lock:
            where[key] = value
            where.move_to_end(key)
            while len(where) > self._capacity:
                where.popitem(last=False)
