"""Certificates are fetched over TLS, once, and from nowhere else."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from unit.adapters.sns.service import CERTIFICATE_URL, HOST, Host, certificate, key

from asterism.adapters.sns.certificates import Certificates
from asterism.errors import SourceError


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    host.serves(CERTIFICATE_URL, certificate(key("sns")))
    yield host
    host.close()


@pytest.fixture
def certificates(host):
    found = Certificates(host.transport(), seconds=2)
    yield found
    found.close()


def test_a_certificate_is_fetched_once(host, certificates):
    assert certificates.kept(CERTIFICATE_URL) is None
    fetched = certificates.fetch(CERTIFICATE_URL)
    assert certificates.kept(CERTIFICATE_URL) == fetched
    assert len(host.asked) == 1


def test_a_host_that_cannot_prove_its_name_is_not_believed(tmp_path):
    other = Host(tmp_path, "sns.us-east-1.amazonaws.com")
    other.serves(CERTIFICATE_URL, certificate(key("sns")))
    certificates = Certificates(other.transport())
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        certificates.fetch(CERTIFICATE_URL)
    assert caught.value.transient
    assert other.asked == []
    certificates.close()
    other.close()


def test_production_trusts_the_systems_authorities_only(host):
    certificates = Certificates()
    port = host.transport()._port
    with pytest.raises(SourceError, match="CERTIFICATE_VERIFY_FAILED"):
        certificates.visit(f"https://127.0.0.1:{port}/")
    certificates.close()


def test_a_redirect_is_not_followed(host, certificates):
    host.serves(CERTIFICATE_URL, b"", 302, Location=f"https://{HOST}/other.pem")
    host.serves(f"https://{HOST}/other.pem", certificate(key("sns")))
    with pytest.raises(SourceError, match="status 302") as caught:
        certificates.fetch(CERTIFICATE_URL)
    assert not caught.value.transient
    assert len(host.asked) == 1


@pytest.mark.parametrize(("status", "transient"), [(403, False), (404, False), (429, True), (500, True), (503, True)])
def test_what_may_pass_is_told_from_what_will_not(host, certificates, status, transient):
    host.serves(CERTIFICATE_URL, b"", status)
    with pytest.raises(SourceError, match=f"status {status}") as caught:
        certificates.fetch(CERTIFICATE_URL)
    assert caught.value.transient is transient


def test_a_transient_failure_is_forgotten_and_a_refusal_remembered_for_a_while(host):
    certificates = Certificates(host.transport(), refusals=0.2)
    host.serves(CERTIFICATE_URL, b"", 503)
    with pytest.raises(SourceError):
        certificates.fetch(CERTIFICATE_URL)
    assert certificates.kept(CERTIFICATE_URL) is None
    host.serves(CERTIFICATE_URL, b"no certificate")
    with pytest.raises(SourceError, match="not a certificate"):
        certificates.fetch(CERTIFICATE_URL)
    until = time.monotonic() + 120
    while True:
        try:
            found = certificates.kept(CERTIFICATE_URL)
        except SourceError:
            assert time.monotonic() < until
            time.sleep(0.01)
        else:
            break
    assert found is None
    assert len(host.asked) == 2
    certificates.close()


def test_a_certificate_that_has_ended_is_refused_and_one_that_ends_is_fetched_anew(host):
    host.serves(CERTIFICATE_URL, certificate(key("sns"), ends=timedelta(days=-1)))
    now = [datetime.now(UTC)]
    certificates = Certificates(host.transport(), clock=lambda: now[0])
    with pytest.raises(SourceError, match="does not hold today"):
        certificates.fetch(CERTIFICATE_URL)
    now[0] -= timedelta(days=2)
    certificates.fetch(CERTIFICATE_URL)
    assert certificates.kept(CERTIFICATE_URL) is not None
    now[0] += timedelta(days=2)
    with pytest.raises(SourceError):
        certificates.kept(CERTIFICATE_URL)
    certificates.close()


def test_an_endless_answer_is_cut(host, certificates):
    host.serves(CERTIFICATE_URL, certificate(key("sns")) + b"\n" * 100_000)
    with pytest.raises(SourceError, match="more than 65536 bytes"):
        certificates.fetch(CERTIFICATE_URL)


def test_a_packed_answer_is_not_unpacked(host, certificates):
    host.serves(CERTIFICATE_URL, b"\x1f\x8b" + b"\0" * 100, **{"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="not a certificate"):
        certificates.fetch(CERTIFICATE_URL)


def test_a_host_that_says_nothing_or_a_little_at_a_time_is_given_up(host):
    over = threading.Event()

    def silent(asked):
        over.wait(20)

    def dripping(asked):
        asked.send_response(200)
        asked.end_headers()
        while not over.wait(0.02):
            asked.wfile.write(b"-")
            asked.wfile.flush()

    certificates = Certificates(host.transport(), seconds=0.3)
    for slow in (silent, dripping):
        host.paths[CERTIFICATE_URL.removeprefix(f"https://{HOST}")] = slow
        with pytest.raises(SourceError, match=r"cannot be reached|took longer") as caught:
            certificates.fetch(CERTIFICATE_URL)
        assert caught.value.transient
    over.set()
    certificates.close()


def test_nobody_there_is_transient(host, certificates):
    host.close()
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        certificates.fetch(CERTIFICATE_URL)
    assert caught.value.transient


def test_no_more_are_kept_than_there_is_room_for(host):
    certificates = Certificates(host.transport(), capacity=3)
    urls = [f"https://{HOST}/{n}.pem" for n in range(5)]
    for url in urls:
        host.serves(url, certificate(key("sns")))
        certificates.fetch(url)
    assert [certificates.kept(url) is not None for url in urls] == [False, False, True, True, True]
    certificates.close()


def test_threads_share_what_is_kept(host, certificates):
    with ThreadPoolExecutor(8) as threads:
        found = {*threads.map(certificates.fetch, [CERTIFICATE_URL] * 16)}
    assert found == {certificates.kept(CERTIFICATE_URL)}
