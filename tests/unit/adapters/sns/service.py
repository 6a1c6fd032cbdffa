"""Amazon SNS as the tests know it: keys, certificates, signed messages, and a host that serves over TLS."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

REGION = "eu-west-1"
HOST = f"sns.{REGION}.amazonaws.com"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:events"
CERTIFICATE_URL = f"https://{HOST}/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=secret"
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")

Handler = Callable[[BaseHTTPRequestHandler], None]


@cache
def key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of its own for each name."""
    assert name
    return rsa.generate_private_key(65537, bits)


def certificate(
    owner: rsa.RSAPrivateKey, *, ends: timedelta = timedelta(days=30), host: str = HOST, authority: bool = False
) -> bytes:
    """A certificate in PEM, signed by the tests' authority."""
    now = datetime.now(UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    subject = issuer if authority else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    root = key("authority")
    builder = (
        x509.CertificateBuilder(issuer, subject, owner.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(owner.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def notification(message: str, **others: str) -> dict[str, str]:
    """A notification without its signature."""
    now = datetime.now(UTC)
    return {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
    } | others


def confirmation(kind: str = "SubscriptionConfirmation", **others: str) -> dict[str, str]:
    """A confirmation without its signature."""
    extra = {"Token": "secret", "SubscribeURL": SUBSCRIBE_URL}
    return notification("You have chosen to subscribe.", Type=kind, **extra) | others


def signed(fields: dict[str, str], by: str = "sns") -> dict[str, str]:
    """A message with its signature, as SNS makes it."""
    names = NOTIFICATION if fields["Type"] == "Notification" else CONFIRMATION
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    algorithm = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()  # as version 1 says
    signature = key(by).sign(text.encode(), padding.PKCS1v15(), algorithm)
    return fields | {"Signature": base64.b64encode(signature).decode()}


class Host:
    """The service's host: what is at each path, who asked for it, and how to reach it."""

    def __init__(self, folder: Path, name: str = HOST) -> None:
        self.paths: dict[str, tuple[int, dict[str, str], bytes] | Handler] = {}
        self.asked: list[str] = []
        chain, secret, root = (folder / each for each in ("chain.pem", "key.pem", "root.pem"))
        chain.write_bytes(certificate(key("tls"), host=name))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret.write_bytes(key("tls").private_bytes(*form))
        root.write_bytes(certificate(key("authority"), authority=True))
        self._trust = ssl.create_default_context(cafile=root)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, secret)
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def serves(self, url: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.paths[url.removeprefix(f"https://{HOST}")] = (status, headers, body)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def transport(self) -> httpx.BaseTransport:
        """Reaches this server under any name; TLS is verified against the name that was asked for."""
        return _Here(self._server.server_address[1], self._trust)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        host = self

        class Asked(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                found = host.paths.get(self.path, (404, {}, b""))
                if callable(found):
                    found(self)
                    return
                status, headers, body = found
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Asked


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that go away, or do not trust us, are what some tests are about."""


class _Here(httpx.HTTPTransport):
    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust)
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = request.url.host
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return super().handle_request(request)
