"""Alerts by Apprise: `mailto://user:password@host?to=…`, `slack://…`, `msteams://…`, `json://…` and many more.

https://appriseit.com/services/ lists the services and their addresses.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from asterism.errors import AlertError, UsageError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # what it imports for Pythons that we do not know
    import apprise

    apprise.Apprise.details(apprise.Apprise())  # its services are imported when first asked for: here, not later

_OURS = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False)
"""Nothing of it is kept on disk."""


class AppriseAlerts:
    """Implements `Alerts`."""

    def __init__(self, address: str) -> None:
        """Raises UsageError where Apprise makes nothing of `address`. Connects to nothing."""
        with _quiet(logging.CRITICAL):
            server = apprise.Apprise.instantiate(address, asset=_OURS, suppress_exceptions=True)
        if server is None:
            scheme, separator, _ = address.partition("://")
            fact = f"{scheme + ':' if separator else 'a text without a scheme'} is no address that can be alerted"
            remedy = "Write one as appriseit.com/services lists them, like mailto://user:password@host?to=address."
            raise UsageError("alerts", fact, remedy)
        self._server = server
        self.name = str(server.url(privacy=True)).partition("?")[0]  # type: ignore[no-untyped-call]  # it is Apprise's

    def tell(self, title: str, text: str, *, is_bad: bool) -> None:
        """See `Alerts.tell`."""
        kind = apprise.NotifyType.FAILURE if is_bad else apprise.NotifyType.SUCCESS
        told = apprise.Apprise(asset=_OURS)
        told.add(self._server)
        with _quiet(logging.WARNING) as said:
            if told.notify(text, title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
                return
            reason = " ".join(said.getvalue().split()) or "the service did not take it"
        raise AlertError(f"alerts to {self.name}", reason, "It is tried again; look at `alerts` in asterism.toml.")


def _quiet(level: int) -> Any:
    """Keeps what Apprise logs from that level on, to be read."""
    return apprise.LogCapture(level=level, fmt="%(message)s")  # type: ignore[no-untyped-call]  # it is Apprise's
