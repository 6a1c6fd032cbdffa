"""Messages to a real mail server: open, with STARTTLS, with TLS, with a login, down, and refusing."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from unit.adapters.smtp.postbox import certificate, postbox

from asterism.adapters.smtp.mailer import SmtpMailer
from asterism.errors import MailError, UsageError


def message(*to: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "hello", "a@example.com", ", ".join(to or ("b@example.com",))
    made.set_content("hello ü\n")
    return made


def test_a_message_arrives_at_all_addresses() -> None:
    with postbox() as box:
        assert SmtpMailer(box.url).send(message("b@example.com", "c@example.com")) == ()
        (arrived,) = box.messages
        assert arrived.get_content().splitlines() == ["hello ü"]
        assert box.recipients == [["b@example.com", "c@example.com"]]


def test_addresses_that_are_refused_are_told_and_the_others_get_it() -> None:
    with postbox() as box:
        box.refuses = {"b@example.com"}
        assert SmtpMailer(box.url).send(message("b@example.com", "c@example.com")) == ("b@example.com",)
        assert box.recipients == [["c@example.com"]]
        with pytest.raises(MailError, match=r"refused every address: b@example\.com: 550 nobody"):
            SmtpMailer(box.url).send(message("b@example.com"))


def test_a_message_that_the_server_refuses_is_an_error() -> None:
    with postbox() as box:
        box.says = "451 come again"
        with pytest.raises(MailError, match="answered 451 come again"):
            SmtpMailer(box.url).send(message())


def test_a_server_that_is_down_is_an_error() -> None:
    with postbox() as box:
        url = box.url
    with pytest.raises(MailError, match=r"cannot be reached.*\n.*tried again"):
        SmtpMailer(url).send(message())


@pytest.mark.parametrize("starttls", [False, True])
def test_a_password_goes_over_tls(tmp_path: Path, starttls: bool) -> None:
    with postbox(certificate=certificate(tmp_path), starttls=starttls, login=True) as box:
        address = box.url.replace("://", "://user:p%40ss@")
        SmtpMailer(f"{address}?ca={tmp_path / 'certificate.pem'}").send(message())
        assert box.logins == [(b"user", b"p@ss")]
        assert len(box.messages) == 1
        wrong = address.replace("p%40ss", "other")
        with pytest.raises(MailError, match="did not take the login"):
            SmtpMailer(f"{wrong}?ca={tmp_path / 'certificate.pem'}").send(message())


def test_a_server_whose_certificate_nobody_trusts_gets_no_password(tmp_path: Path) -> None:
    with postbox(certificate=certificate(tmp_path), starttls=True, login=True) as box:
        with pytest.raises(MailError, match="CERTIFICATE_VERIFY_FAILED"):
            SmtpMailer(box.url.replace("://", "://user:p%40ss@")).send(message())
        assert box.logins == []


@pytest.mark.parametrize("uri", ["smtp://", "mail.example.com", "http://mail.example.com", "smtp://host:many"])
def test_what_is_no_address_of_a_mail_server_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match=r"no address of a mail server\n.*smtp://user:password@host:port"):
        SmtpMailer(uri)
