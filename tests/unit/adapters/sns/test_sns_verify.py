"""What of a message can be told to be genuine, without asking anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate
from unit.adapters.sns.service import (
    CERTIFICATE_URL,
    HOST,
    REGION,
    certificate,
    confirmation,
    key,
    notification,
    signed,
)

from asterism.adapters.sns import verify
from asterism.errors import RecordError, SourceError

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def own() -> Certificate:
    return verify.load_certificate(certificate(key("sns")), CERTIFICATE_URL)


def read(fields: dict[str, Any]) -> verify.Message:
    return verify.read(json.dumps(fields).encode())


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "news"}, {"Subject": ""}])
def test_what_sns_signed_is_genuine(own, version, subject):
    fields = notification('{"text": "a\\nb é 漢 𝄞"}\nand a line', SignatureVersion=version, **subject)
    verify.verify(read(signed(fields)), own, NOW)


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_confirmations_are_signed_over_other_fields(own, kind, version):
    verify.verify(read(signed(confirmation(kind, SignatureVersion=version))), own, NOW)


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn"])
def test_a_changed_field_is_noticed(own, field):
    fields = signed(notification("{}", Subject="news"))
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(fields | {field: fields[field] + "0"}), own, NOW)


@pytest.mark.parametrize("field", ["Token", "SubscribeURL"])
def test_a_changed_field_of_a_confirmation_is_noticed(own, field):
    fields = signed(confirmation())
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(fields | {field: fields[field] + "0"}), own, NOW)


def test_a_subject_that_was_added_or_taken_away_is_noticed(own):
    bare, titled = signed(notification("{}")), signed(notification("{}", Subject="news"))
    for forged in (bare | {"Subject": "news"}, {name: titled[name] for name in titled if name != "Subject"}):
        with pytest.raises(SourceError, match="forged"):
            verify.verify(read(forged), own, NOW)


def test_a_subject_of_null_is_none(own):
    verify.verify(read(signed(notification("{}")) | {"Subject": None}), own, NOW)


def test_a_notification_does_not_pass_for_another_type(own):
    fields = signed(notification("{}"))
    forged = fields | {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": f"https://{HOST}/"}
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(forged), own, NOW)


def test_another_key_or_algorithm_is_noticed(own):
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(signed(notification("{}"), by="somebody else")), own, NOW)
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(signed(notification("{}")) | {"SignatureVersion": "1"}), own, NOW)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base 64!", "é"])
def test_a_signature_that_is_none_is_forged(own, signature):
    with pytest.raises(SourceError, match="forged"):
        verify.verify(read(notification("{}") | {"Signature": signature}), own, NOW)


def test_line_breaks_do_not_move_text_from_one_field_to_another():
    genuine = signed(notification("1\nMessageId\nfake"))
    moved = genuine | {"Message": "1", "MessageId": f"fake\nMessageId\n{genuine['MessageId']}"}
    assert (
        verify.string_to_sign(read(genuine))
        == "".join(
            f"{name}\n{moved[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
        ).encode()
    )
    with pytest.raises(RecordError, match="line break"):
        read(moved)


def test_a_certificate_that_has_ended_or_not_begun_does_not_count(own):
    message = read(signed(notification("{}")))
    ended = verify.load_certificate(certificate(key("sns"), ends=timedelta(days=-1)), CERTIFICATE_URL)
    with pytest.raises(SourceError, match="does not hold today"):
        verify.verify(message, ended, NOW)
    with pytest.raises(SourceError, match="does not hold today"):
        verify.verify(message, own, NOW - timedelta(days=90))


def test_what_is_no_certificate_of_a_strong_rsa_key_is_refused():
    spoiled = certificate(key("sns")).replace(b"M", b"!", 3)
    weak = certificate(key("weak", 1024))
    elliptic = certificate(ec.generate_private_key(ec.SECP256R1()))  # type: ignore[arg-type]
    naked = (
        key("sns")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for pem in (b"", b"<html>", spoiled, weak, elliptic, naked):
        with pytest.raises(SourceError, match=r"not a certificate|not the certificate"):
            verify.load_certificate(pem, CERTIFICATE_URL)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"Type": "Notification"}',
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(notification("{}")).encode(),
        json.dumps(signed(notification("{}")) | {"Type": "Other"}).encode(),
        json.dumps(signed(notification("{}")) | {"SignatureVersion": "3"}).encode(),
        json.dumps(signed(notification("{}")) | {"Message": {"a": 1}}).encode(),
        json.dumps(signed(notification("{}", MessageId=""))).encode(),
        json.dumps(signed(notification("{}")) | {"Type": "SubscriptionConfirmation"}).encode(),
        json.dumps(signed(notification("{}")) | {"Message": "x"}).replace('"x"', '"\\ud800"').encode(),
    ],
)
def test_what_is_no_envelope_is_refused(body):
    with pytest.raises(RecordError, match="no message of Amazon SNS"):
        verify.read(body)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/a.pem",
        f"https://{HOST}.evil.example/a.pem",
        f"https://evil.example/{HOST}/a.pem",
        f"https://evil.example#{HOST}/a.pem",
        f"https://evil.example?{HOST}/a.pem",
        f"https://evil-{HOST}/a.pem",
        f"https://user@{HOST}/a.pem",
        f"https://{HOST}@evil.example/a.pem",
        f"https://{HOST}:secret@evil.example/a.pem",
        f"https://{HOST}:443/a.pem",
        f"https://{HOST}:8443/a.pem",
        f"https://{HOST}\\@evil.example/a.pem",
        f"https://{HOST}%2eevil.example/a.pem",
        f"https://{HOST}%00.evil.example/a.pem",
        f"https://sns.{REGION}.amazonaws.com.evil.example/a.pem",
        f"https://sns.{REGION}.amazonaws.com.cn/a.pem",
        f"https://sns.{REGION}.amazonaws.co/a.pem",
        f"https://sns.{REGION}Xamazonaws.com/a.pem",
        f"https://s3.{REGION}.amazonaws.com/a.pem",
        f"https://sns.s3-{REGION}.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        f"https://{HOST}./a.pem",
        f"https://{HOST}/a.txt",
        f"https://{HOST}/.pem/../a",
        f"https://{HOST}/a.pem?x=1",
        f"https://{HOST}/a.pem#x",
        f"https://{HOST}/?a.pem",
        f"https://{HOST}/a%2epem",
        f"https://{HOST}//evil.example/a.pem",
        f" https://{HOST}/a.pem",
        f"https://{HOST}/a.pem ",
        f"https:/{HOST}/a.pem",
        f"HTTPS://{HOST}\t/a.pem",
        "file:///etc/passwd.pem",
        "https://[::1/a.pem",
        "https://sns.eu-west-\uff11.amazonaws.com/a.pem",
    ],
)
def test_a_certificate_is_kept_by_the_service_of_the_topics_region_only(url):
    message = read(signed(notification("{}", SigningCertURL=url)))
    with pytest.raises(SourceError, match="SigningCertURL"):
        verify.check_address(message)


def test_the_address_of_a_certificate_is_known_in_every_partition():
    for partition, region, host in (
        ("aws", "us-east-1", "sns.us-east-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
    ):
        url = f"https://{host}/SimpleNotificationService-0a.pem"
        topic = f"arn:{partition}:sns:{region}:123456789012:events.fifo"
        message = read(signed(notification("{}", SigningCertURL=url, TopicArn=topic)))
        assert verify.check_address(message) == url


@pytest.mark.parametrize("topic", ["", "events", "arn:aws:sqs:eu-west-1:123456789012:q", "arn:aws:sns:x/:1:e"])
def test_an_arn_that_is_none_has_no_address(topic):
    fields = signed(notification("{}", TopicArn="arn"))
    with pytest.raises((SourceError, RecordError)):
        verify.check_address(read(fields | {"TopicArn": topic}))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        f"http://{HOST}/?Action=ConfirmSubscription",
        f"https://{HOST}.evil.example/?Action=ConfirmSubscription",
        f"https://{HOST}@evil.example/?Action=ConfirmSubscription",
        f"https://{HOST}",
        f"https://evil.example/?{HOST}",
    ],
)
def test_a_subscription_is_confirmed_at_the_service_only(url):
    with pytest.raises(SourceError, match="SubscribeURL"):
        verify.check_subscription(read(signed(confirmation(SubscribeURL=url))))


def test_an_old_message_is_a_replayed_one():
    message = read(signed(notification("{}", Timestamp="2026-01-01T00:00:00.000Z")))
    then = datetime(2026, 1, 1, tzinfo=UTC)
    verify.check_age(message, timedelta(hours=1), then + timedelta(hours=1))
    with pytest.raises(SourceError, match="older than"):
        verify.check_age(message, timedelta(hours=1), then + timedelta(hours=1, seconds=1))
    with pytest.raises(SourceError, match="has no time"):
        verify.check_age(read(signed(notification("{}", Timestamp="soon"))), timedelta(hours=1), then)
