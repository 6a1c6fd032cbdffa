"""Mailer: hands messages to a mail server."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class Mailer(Protocol):
    """One mail server. A connection lives as long as a message takes."""

    def send(self, message: EmailMessage) -> tuple[str, ...]:
        """Hand a message over to all addresses of its `To`; answer those that the server refused.

        Returns when the server has taken it on. Raises MailError where it has not for any address: then the message may
        be sent again. Dying after the server's answer was sent and before it was read is the one case in which a
        message that is sent again comes twice; its Message-ID is the same then.
        """
        ...
