"""Alerts that go through Apprise to a real mail server."""

from urllib.parse import urlsplit

import pytest
from unit.adapters.smtp.postbox import postbox

from asterism.adapters.apprise.alerts import AppriseAlerts
from asterism.errors import AlertError, UsageError


def address(box) -> str:
    return f"mailto://127.0.0.1:{urlsplit(box.url).port}?to=owner@shop.example&from=platform@shop.example"


def test_an_alert_arrives_as_it_was_written():
    with postbox() as box:
        AppriseAlerts(address(box)).tell("[shop/dev] shop failed", "since: today\nerror: 1 < 2", is_bad=True)
        (message,) = box.wait(1)
        assert message["Subject"] == "[shop/dev] shop failed"
        assert message["To"] == "owner@shop.example"
        body = message.get_body(("plain", "html"))
        assert body is not None
        assert "since: today" in body.get_content()
        assert box.recipients == [["owner@shop.example"]]


def test_a_service_that_does_not_take_it_is_told_without_its_secrets():
    alerts = AppriseAlerts("mailto://u:geheim@127.0.0.1:1?to=a@b.example&from=x@y.example&smtp=127.0.0.1")
    with pytest.raises(AlertError) as raised:
        alerts.tell("title", "text", is_bad=False)
    assert "geheim" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)


@pytest.mark.parametrize("address", ["nonsense://x", "owner@shop.example", "mailto://", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError):
        AppriseAlerts(address)
