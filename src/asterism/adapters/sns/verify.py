"""What Amazon SNS delivers by HTTP(S): the envelope of a message, and what of it can be told to be genuine.

Source: Amazon SNS, "Parsing message formats" and "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from asterism.errors import RecordError, SourceError

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_TOPIC = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]{3,}):\d{12}:[A-Za-z0-9_.-]{1,256}", re.ASCII)
_CERTIFICATE_PATH = re.compile(r"(?:/[A-Za-z0-9._-]+)+\.pem", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")
_WEAKEST = 2048
"""Bits of the smallest key that is trusted."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope. None of it may be believed before `verify` has passed."""

    type: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] = msgspec.field(name="Type")
    id: str = msgspec.field(name="MessageId")
    topic: str = msgspec.field(name="TopicArn")
    text: str = msgspec.field(name="Message")
    timestamp: str = msgspec.field(name="Timestamp")
    signature_version: Literal["1", "2"] = msgspec.field(name="SignatureVersion")
    signature: str = msgspec.field(name="Signature")
    certificate_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = msgspec.field(name="Subject", default=None)
    token: str | None = msgspec.field(name="Token", default=None)
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)


_ENVELOPE = msgspec.json.Decoder(Message)
_ATTRIBUTES = {each.encode_name: each.name for each in msgspec.structs.fields(Message)}


def read(body: bytes) -> Message:
    """The envelope in a request's body. Raises RecordError."""
    try:
        message = _ENVELOPE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError("the request", f"is no message of Amazon SNS: {error}") from error
    values = _signed(message)
    missing = [name for name, value in values.items() if not value and name not in {"Message", "Subject"}]
    if missing:
        raise RecordError("the request", f"is no message of Amazon SNS: it lacks {', '.join(missing)}")
    if any("\n" in (value or "") for name, value in values.items() if name != "Message"):
        # The signed string sets fields apart by line breaks: one in a value could pass for another field.
        raise RecordError("the request", "is no message of Amazon SNS: a field other than Message has a line break")
    return message


def _signed(message: Message) -> dict[str, str | None]:
    """The fields that a signature is about, in its order."""
    names = _NOTIFICATION if message.type == "Notification" else _CONFIRMATION
    return {name: getattr(message, _ATTRIBUTES[name]) for name in names}


def string_to_sign(message: Message) -> bytes:
    """The bytes that a message's signature is about."""
    return "".join(f"{name}\n{value}\n" for name, value in _signed(message).items() if value is not None).encode()


def check_age(message: Message, max_age: timedelta, now: datetime) -> None:
    """Raise SourceError where a message is so old that it was replayed. `now` has a zone."""
    try:
        moment = datetime.fromisoformat(message.timestamp)
    except ValueError as error:
        raise SourceError(f"message {message.id}", f"has no time: {message.timestamp[:40]!r}") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if now - moment > max_age:
        raise SourceError(f"message {message.id}", f"is of {moment.isoformat()}, which is older than {max_age}")


def check_address(message: Message) -> str:
    """The address of the certificate. Raises SourceError where Amazon SNS of the topic's region does not keep it."""
    host = _host(message.topic)
    if not _is_at(message.certificate_url, host) or not _CERTIFICATE_PATH.fullmatch(
        message.certificate_url.removeprefix(f"https://{host}")
    ):
        raise SourceError(f"message {message.id}", f"its SigningCertURL is not https://{host}/….pem")
    return message.certificate_url


def check_subscription(message: Message) -> str:
    """The address that confirms a subscription. Raises SourceError where it is not the topic's own service."""
    host, url = _host(message.topic), message.subscribe_url or ""
    if not _is_at(url, host):
        raise SourceError(f"message {message.id}", f"its SubscribeURL is not at https://{host}/")
    return url


def _host(topic: str) -> str:
    """The service of a topic's region. Any other region's could be somebody's bucket: sns.s3-REGION.amazonaws.com."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise SourceError(topic[:300], "is not the ARN of a topic of Amazon SNS")
    return f"sns.{match[2]}.amazonaws.com" + (".cn" if match[1] == "aws-cn" else "")


def _is_at(url: str, host: str) -> bool:
    """Whether any reader of the URL would ask that host: nothing that parsers differ over, no user, no port."""
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme == "https" and parts.netloc == host and url.startswith(f"https://{host}/") and not parts.fragment
    )


def load_certificate(pem: bytes, url: str) -> x509.Certificate:
    """A certificate. Raises SourceError where it cannot be one that messages are signed with."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except Exception as error:
        raise SourceError(url, f"is not a certificate: {type(error).__name__}") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _WEAKEST:
        raise SourceError(url, f"is not the certificate of an RSA key of {_WEAKEST} bits or more")
    return certificate


def is_valid_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate holds at a moment, which has a zone."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def verify(message: Message, certificate: x509.Certificate, now: datetime) -> None:
    """Raise SourceError unless the certificate's owner signed the message, and the certificate holds at `now`."""
    if not is_valid_at(certificate, now):
        until = certificate.not_valid_after_utc.isoformat()
        raise SourceError(f"message {message.id}", f"its certificate does not hold today: it ends at {until}")
    key = certificate.public_key()
    try:
        signature = base64.b64decode(message.signature, validate=True)
        assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101 - load_certificate takes no other
        key.verify(signature, string_to_sign(message), padding.PKCS1v15(), _HASHES[message.signature_version]())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise SourceError(f"message {message.id}", "its signature does not match: it is forged or damaged") from error
