"""What no client of good will sends. The socket is spoken to by hand."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from asterism.http.body import Bodies
from asterism.http.problem import HttpProblem
from asterism.http.rates import Rates

if TYPE_CHECKING:
    from conftest import Served


@contextmanager
def connected(served: Served, *parts: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        yield connection


def head(length: int | str, path: str = "/streams/anything") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


def status(connection: socket.socket) -> int:
    return int(connection.recv(20)[9:12])


def lives(served: Served) -> bool:
    return served.client.post("/streams/anything", content=b"{}").status_code == 202


def test_a_body_that_does_not_come_is_not_waited_for(serve: Callable[..., Served]) -> None:
    served = serve(body_seconds=0.4)
    with connected(served, head(100)) as silent, connected(served, head(100), b"[1, ") as slow:
        assert status(silent) == 408
        assert status(slow) == 408
    assert lives(served)


def test_a_body_that_drips_is_not_waited_for_either(serve: Callable[..., Served]) -> None:
    served = serve(body_seconds=0.4)
    with connected(served, head(10_000)) as connection:
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert status(connection) == 408
        finally:
            ended.set()
            dripping.join()


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(served: Served) -> None:
    with connected(served, head(100), b'{"a":'):
        pass
    with connected(served, b"POST /streams/anything HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,"):
        pass
    assert lives(served)
    assert served.log.bodies("anything") == [b"{}"]
    assert served.log.bodies("_quarantine") == []


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999999999", "+5", "0x10"])
def test_a_length_that_is_none_is_refused(served: Served, length: str) -> None:
    with connected(served, head(length), b"{}") as connection:
        assert 400 <= status(connection) < 500
    assert lives(served)


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(served: Served) -> None:
    with connected(served, head(10_000_001)) as connection:
        assert status(connection) == 413


def test_chunks_that_are_none_never_fault_the_server(served: Served) -> None:
    start = b"POST /streams/anything HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for rest in (b"zz\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}", b"2\r\n{}x\r\n0\r\n\r\n"):
        with connected(served, start, rest) as connection:
            assert connection.recv(20)[9:12] in {b"", b"400", b"202"}
    assert lives(served)


def test_two_lengths_never_smuggle_a_request(served: Served) -> None:
    both = b"POST /streams/anything HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}"
    with connected(served, both) as connection:
        assert connection.recv(20)[9:12] in {b"", b"400"}
    assert served.log.bodies("anything") == []


def test_headers_without_end_are_refused(served: Served) -> None:
    with connected(served, b"GET /health HTTP/1.1\r\nHost: x\r\n") as connection:
        try:
            for _ in range(100):
                connection.sendall(b"X-Filler: " + b"x" * 10_000 + b"\r\n")
        except OSError:
            pass
        else:
            assert connection.recv(20)[9:12] in {b"", b"431", b"400"}
    assert lives(served)


@pytest.mark.parametrize(
    "path",
    [
        "/%ff%fe",
        "/streams/%00",
        "/views/../tokens.json",
        "/views/%2e%2e/%2e%2e",
        "//x",
        "/docs/../x",
        "/" + "a" * 9_000,
    ],
)
def test_strange_paths_are_not_found(served: Served, path: str) -> None:
    with connected(served, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as connection:
        assert status(connection) in {400, 401, 404, 405, 414}
    assert lives(served)


def test_a_request_in_hand_is_answered_when_the_server_stops(served: Served) -> None:
    served.log.gate.clear()
    with connected(served, head(2), b"{}") as connection:
        assert served.log.asked.wait(20)
        served.stop()
        served.log.gate.set()
        assert status(connection) == 202
    assert served.log.bodies("anything") == [b"{}"]


def test_bodies_that_are_held_have_a_bound() -> None:
    bodies = Bodies(10_000_000)
    for _ in range(8):
        bodies.hold(10_000_000)
    with pytest.raises(HttpProblem) as refused:
        bodies.hold(10_000_000)
    assert refused.value.status == 503
    assert "Retry-After" in refused.value.headers
    bodies.release(10_000_000)
    bodies.hold(10_000_000)


def test_rates_are_kept_for_each_client_and_memory_is_bounded() -> None:
    now = [0.0]
    rates = Rates(10, lambda: now[0])
    assert [rates.wait("a") for _ in range(10)] == [0.0] * 10
    assert 0 < rates.wait("a") <= 0.1
    assert rates.wait("b") == 0.0
    now[0] = 0.1001
    assert rates.wait("a") == 0.0
    assert rates.wait("a") > 0
    now[0] = 100.0
    assert [rates.wait("a") for _ in range(10)] == [0.0] * 10  # a bucket does not grow beyond a second's
    assert rates.wait("a") > 0
    for number in range(100_000):
        rates.wait(f"client {number}")
    assert len(json.dumps([*vars(rates)["_full_at"]])) < 500_000
    unlimited = Rates(0)
    assert not any(unlimited.wait("a") for _ in range(1000))
