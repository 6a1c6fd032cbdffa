"""A mail server of the test's own, which keeps what it receives."""

from __future__ import annotations

import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Postbox:
    """A handler of aiosmtpd. `refuses` are addresses it does not take; `says` is its answer to a message."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuses: set[str] = set()
        self.says = "250 kept"
        self.url = ""
        self.logins: list[tuple[bytes, bytes]] = []
        self._came = threading.Condition()

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address in self.refuses:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 well"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.says.startswith("250"):
            with self._came:
                content = envelope.content
                assert isinstance(content, bytes)
                self.messages.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
                self.recipients.append(list(envelope.rcpt_tos))
                self._came.notify_all()
        return self.says

    def wait(self, count: int, seconds: float = 60.0) -> list[EmailMessage]:
        """The messages, once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.messages) >= count, seconds), f"{len(self.messages)} messages"
            return [*self.messages]

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"p@ss", handled=False)


class _Server(Controller):
    """Listens on a free port."""

    def factory(self) -> SMTP:
        with warnings.catch_warnings():  # it knows of STARTTLS only, and not that a connection may begin with TLS
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def postbox(
    *, certificate: tuple[Path, Path] | None = None, starttls: bool = False, login: bool = False
) -> Iterator[Postbox]:
    """A mail server that runs; with a certificate and key it speaks TLS, from the beginning or when asked."""
    box, context = Postbox(), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    options: dict[str, Any] = {"auth_required": login, "auth_require_tls": login and starttls}
    if login:
        options["authenticator"] = box.login
    if starttls:
        options["tls_context"] = context
    server = _Server(box, hostname="127.0.0.1", port=0, ssl_context=None if starttls else context, **options)
    server.start()
    try:
        port = server.server.sockets[0].getsockname()[1]
        box.url = f"{'smtps' if context and not starttls else 'smtp'}://127.0.0.1:{port}"
        yield box
    finally:
        server.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
