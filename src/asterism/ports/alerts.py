"""Alerts: tell people, wherever they are."""

from __future__ import annotations

from typing import Protocol


class Alerts(Protocol):
    """One address: a mailbox, a channel, a pager."""

    name: str
    """The address as people may read it, without its secrets."""

    def tell(self, title: str, text: str, *, is_bad: bool) -> None:
        """Deliver a message in plain text; `is_bad` says whether something begins to be wrong, or is well again.

        Returns when the service has taken it on. Raises AlertError where it has not: then it may be told again, and in
        the one case in which an answer was lost it comes twice.
        """
        ...
