"""Amplitude's Export API as the tests know it: days of events as zips over HTTP, and each of its faults."""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
import zipfile
from collections import deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Lines = bytes | list[dict[str, Any]]
Handler = Callable[[BaseHTTPRequestHandler], None]


def event(uuid: str, **fields: Any) -> dict[str, Any]:
    """An event with what most have."""
    return {
        "uuid": uuid,
        "app": 1234,
        "$schema": None,
        "amplitude_id": 77,
        "user_id": f"u-{uuid}",
        "event_type": "USER_PROFILE_REGISTER_SUCCEEDED",
        "client_event_time": "2026-01-01 08:15:30.123000",
        "server_upload_time": "2026-01-01 08:15:31.5",
        "city": "null",
        "paying": None,
        "event_properties": {"step": 1},
        "user_properties": {},
    } | fields


def packed(lines: Lines) -> bytes:
    """The content of a member: gzip JSON lines."""
    text = lines if isinstance(lines, bytes) else b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    return gzip.compress(text, 1)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


class ExportServer:
    """`hours` holds the members of an hour; the next of `answers`, if there is one, is given in place of a zip."""

    def __init__(self) -> None:
        self.hours: dict[datetime, dict[str, bytes]] = {}
        self.answers: deque[tuple[int, dict[str, str], bytes] | Handler] = deque()
        self.widest: dict[int, int] = {}
        """With which status ranges of more than so many hours are refused."""
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api/2/export"

    def put(self, day: str, hour: int, lines: Lines, number: int = 0) -> str:
        """Have an hour hold these lines; the name of the member they are in."""
        name = f"1234/1234_{day}_{hour}#{number}.json.gz"
        self.hours.setdefault(_at(day, hour), {})[name] = packed(lines)
        return name

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, start: str, end: str) -> tuple[int, bytes]:
        first, last = (_at(f"{each[:4]}-{each[4:6]}-{each[6:8]}", int(each[9:])) for each in (start, end))
        hours = [first + timedelta(hours=n) for n in range(int((last - first).total_seconds() // 3600) + 1)]
        for status, widest in self.widest.items():
            if len(hours) > widest:
                return status, b"ask for fewer hours"
        members = {name: content for hour in hours for name, content in self.hours.get(hour, {}).items()}
        return (200, zipped(members)) if members else (404, b"<html>Raw data files were not found.</html>")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Asked(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                (start,), (end,) = query["start"], query["end"]
                server.asked.append(f"{start} {end}")
                said = base64.b64encode(b"the-key:the-secret").decode()
                headers: dict[str, str] = {}
                if self.headers.get("Authorization") != f"Basic {said}":
                    status, body = 403, b"forbidden"
                elif server.answers:
                    given = server.answers.popleft()
                    if callable(given):
                        given(self)
                        return
                    status, headers, body = given
                else:
                    status, body = server._answer(start, end)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Asked


def _at(day: str, hour: int) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time()) + timedelta(hours=hour)
