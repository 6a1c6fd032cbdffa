"""Alerts to an SNS topic, by the role that this runs as: `awssns://arn:aws:sns:eu-west-2:123456789012:on-call`."""

from __future__ import annotations

from asterism.adapters.aws.service import Service, speaking
from asterism.errors import AlertError, UsageError

SCHEME = "awssns"
_SUBJECT = 100
"""Characters that SNS takes as a subject, of ASCII, without line breaks."""


class SnsAlerts:
    """Implements `Alerts`."""

    def __init__(self, address: str) -> None:
        """Raises UsageError for what is no topic. Connects to nothing."""
        service = Service.of(address)
        parts = service.name.split(":")
        if (
            parts[:1] != ["arn"]
            or parts[2:3] != ["sns"]
            or len(parts) != len(["arn", "aws", "sns", "region", "account", "name"])
        ):
            remedy = f"Write {SCHEME}://arn:aws:sns:REGION:ACCOUNT:NAME."
            raise UsageError("alerts", f"{service.name!r} is no topic of SNS", remedy)
        self._topic = service.name
        self._client = Service(service.name, service.region or parts[3], service.endpoint, {}).client("sns")
        self.name = f"{SCHEME}://{service.name}"

    def tell(self, title: str, text: str, *, is_bad: bool) -> None:
        """See `Alerts.tell`. The attribute `state`, `bad` or `well`, lets subscriptions filter."""
        subject = title.encode("ascii", "replace").decode().replace("\n", " ")[:_SUBJECT].strip()
        state = {"DataType": "String", "StringValue": "bad" if is_bad else "well"}
        with speaking(AlertError, f"alerts to {self.name}"):
            self._client.publish(
                TopicArn=self._topic, Subject=subject or "alert", Message=f"{title}\n\n{text}",
                MessageAttributes={"state": state},
            )  # fmt: skip
