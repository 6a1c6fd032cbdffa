"""A mail server that speaks SMTP.

URIs: `smtp://user:password@host:587` turns to TLS where the server offers it (STARTTLS), `smtps://…:465` begins with
it. What URIs reserve is percent-encoded in user and password. `?ca=/path/to/certificates.pem` trusts these authorities.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

from asterism.errors import MailError, UsageError

SCHEMES = ("smtp", "smtps")
_PORTS = {"smtp": 587, "smtps": 465}
_TIMEOUT = 30.0
"""Seconds for each answer of the server."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a URI says."""

    host: str
    port: int
    is_tls: bool
    user: str
    password: str
    ca: str | None

    @classmethod
    def of(cls, uri: str) -> Server:
        """Read a URI. Raises UsageError where there is no server in it."""
        parts = urlsplit(uri)
        try:
            port = parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            port = 0
        if not parts.hostname or not port:
            remedy = "Write mail as smtp://user:password@host:port or smtps://… in asterism.toml."
            raise UsageError("mail", "it is no address of a mail server", remedy)
        ca = parse_qs(parts.query).get("ca", [None])[0]
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port, parts.scheme == "smtps", user, password, ca)

    def __str__(self) -> str:
        return f"the mail server {self.host}:{self.port}"


class SmtpMailer:
    """Implements `Mailer`."""

    def __init__(self, uri: str) -> None:
        """Raises UsageError where `uri` is none. Connects to nothing."""
        self._server = Server.of(uri)

    def send(self, message: EmailMessage) -> tuple[str, ...]:
        """See `Mailer.send`. A password is never sent over a connection that others can read."""
        try:
            with self._connected() as connection:
                self._log_in(connection)
                return tuple(connection.send_message(message))
        except smtplib.SMTPRecipientsRefused as error:
            said = "; ".join(f"{address}: {_said(code, text)}" for address, (code, text) in error.recipients.items())
            raise self._error(f"refused every address: {said}", "Correct the addresses of the report.") from error
        except smtplib.SMTPAuthenticationError as error:
            fact = f"did not take the login: {_said(error.smtp_code, error.smtp_error)}"
            raise self._error(fact, "Look at user and password in `mail` of asterism.toml.") from error
        except smtplib.SMTPResponseException as error:
            raise self._error(f"answered {_said(error.smtp_code, error.smtp_error)}") from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._error(f"cannot be reached, or broke off: {error or type(error).__name__}") from error

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=server.ca)
        if server.is_tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT)
        try:
            connection.ehlo()
            if connection.has_extn("starttls"):
                connection.starttls(context=context)
                connection.ehlo()
        except BaseException:
            connection.close()
            raise
        return connection

    def _log_in(self, connection: smtplib.SMTP) -> None:
        if not self._server.user:
            return
        if not isinstance(connection.sock, ssl.SSLSocket) and not _is_here(self._server.host):
            remedy = "Write smtps://…, or use a server that offers STARTTLS."
            raise self._error("offers no TLS, and a password would go over an open line", remedy)
        connection.login(self._server.user, self._server.password)

    def _error(self, fact: str, remedy: str = "It is tried again; look at `mail` in asterism.toml.") -> MailError:
        return MailError(str(self._server), fact, remedy)


def _said(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
