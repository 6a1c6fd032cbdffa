"""Addresses of servers."""

from __future__ import annotations

import socket


def answers(host: str, port: int) -> bool:
    """Whether something listens there already."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    try:
        socket.create_connection((own, port), timeout=1.0).close()
    except OSError:
        return False
    return True
