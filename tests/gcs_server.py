"""Google Cloud Storage, the part of its XML API that a lake needs, faithful where the emulator is not.

Written from https://cloud.google.com/storage/docs/xml-api/overview: every object has an ETag and a generation that
grows with each write; `x-goog-if-generation-match` (0: there must be none) answers 412 where it does not hold; lists
come in the order of UTF-8, a thousand keys a page; an upload in parts stands when it is completed, and not before.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000


@dataclass
class Stored:
    data: bytes
    generation: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class Buckets:
    """Objects by bucket and name, and what is being uploaded in parts."""

    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, str, dict[int, bytes]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1_700_000_000_000_000))
    refused: int = 0
    """How many writes met a generation that was not as they wanted it."""


class Refusal(Exception):
    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    buckets: Buckets

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(lambda: self._list() if not self._key else self._get())

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_PUT(self) -> None:
        self._answer(lambda: self._part() if "uploadId" in self._query else self._put())

    def do_POST(self) -> None:
        self._answer(lambda: self._complete() if "uploadId" in self._query else self._initiate())

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, work: Any) -> None:
        split = urlsplit(self.path)
        self._bucket, _, self._key = unquote(split.path).lstrip("/").partition("/")
        self._query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self._body = self.rfile.read(length)
        try:
            with self.buckets.lock:
                self._check_bucket()
                status, headers, body = work()
        except Refusal as refusal:
            status, headers = refusal.status, {}
            body = f"<?xml version='1.0'?><Error><Code>{refusal.code}</Code></Error>".encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", headers.get("X-Length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _check_bucket(self) -> None:
        if self._bucket not in self.buckets.objects:
            raise Refusal(HTTPStatus.NOT_FOUND, "NoSuchBucket")

    @property
    def _objects(self) -> dict[str, Stored]:
        return self.buckets.objects[self._bucket]

    def _found(self) -> Stored:
        found = self._objects.get(self._key)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NoSuchKey")
        return found

    def _get(self) -> tuple[int, dict[str, str], bytes]:
        found = self._found()
        headers = _told(found) | {"Last-Modified": format_datetime(found.at, usegmt=True)}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return HTTPStatus.OK, headers, found.data
        first = int(wanted[1])
        last = min(int(wanted[2]) if wanted[2] else len(found.data), len(found.data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(found.data)}"
        return HTTPStatus.PARTIAL_CONTENT, headers, found.data[first : last + 1]

    def _put(self) -> tuple[int, dict[str, str], bytes]:
        self._check()
        return HTTPStatus.OK, _told(self._store(self._body)), b""

    def _check(self) -> None:
        wanted = self.headers.get("x-goog-if-generation-match")
        found = self._objects.get(self._key)
        if wanted is not None and int(wanted) != (found.generation if found is not None else 0):
            self.buckets.refused += 1
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")

    def _store(self, data: bytes) -> Stored:
        made = self._objects[self._key] = Stored(data, next(self.buckets.numbers))
        return made

    def _delete(self) -> tuple[int, dict[str, str], bytes]:
        if "uploadId" in self._query:
            self.buckets.uploads.pop(self._query["uploadId"], None)
            return HTTPStatus.NO_CONTENT, {}, b""
        self._found()
        self._check()
        del self._objects[self._key]
        return HTTPStatus.NO_CONTENT, {}, b""

    def _initiate(self) -> tuple[int, dict[str, str], bytes]:
        name = f"upload-{next(self.buckets.numbers)}"
        self.buckets.uploads[name] = (self._bucket, self._key, {})
        bucket, key = escape(self._bucket), escape(self._key)
        text = f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{name}</UploadId>"
        return HTTPStatus.OK, {}, f"{text}</InitiateMultipartUploadResult>".encode()

    def _part(self) -> tuple[int, dict[str, str], bytes]:
        parts = self._upload()
        parts[int(self._query["partNumber"])] = self._body
        return HTTPStatus.OK, {"ETag": f'"{hashlib.md5(self._body).hexdigest()}"'}, b""

    def _complete(self) -> tuple[int, dict[str, str], bytes]:
        parts = self._upload()
        named = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", self._body)]
        if named != sorted(parts):
            raise Refusal(HTTPStatus.BAD_REQUEST, "InvalidPart")
        self._check()
        stored = self._store(b"".join(parts[number] for number in named))
        del self.buckets.uploads[self._query["uploadId"]]
        key, etag = escape(self._key), escape(stored.etag)
        text = f"<CompleteMultipartUploadResult><Key>{key}</Key><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
        return HTTPStatus.OK, _told(stored), text.encode()

    def _upload(self) -> dict[int, bytes]:
        found = self.buckets.uploads.get(self._query["uploadId"])
        if found is None or found[:2] != (self._bucket, self._key):
            raise Refusal(HTTPStatus.NOT_FOUND, "NoSuchUpload")
        return found[2]

    def _list(self) -> tuple[int, dict[str, str], bytes]:
        prefix, token = self._query.get("prefix", ""), self._query.get("continuation-token", "")
        after = max(token, self._query.get("start-after", ""), key=str.encode)
        most = min(int(self._query.get("max-keys", PAGE)), PAGE)
        keys = sorted(self._objects, key=str.encode)
        keys = [key for key in keys if key.startswith(prefix) and (not after or key.encode() > after.encode())]
        page, more = keys[:most], len(keys) > most
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{self._objects[key].at.isoformat()}</LastModified>"
            f"<ETag>{escape(self._objects[key].etag)}</ETag><Size>{len(self._objects[key].data)}</Size></Contents>"
            for key in page
        )
        next_page = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{next_page}{items}</ListBucketResult>"
        return HTTPStatus.OK, {"Content-Type": "application/xml"}, text.encode()


def _told(stored: Stored) -> dict[str, str]:
    return {"ETag": stored.etag, "x-goog-generation": str(stored.generation), "x-goog-metageneration": "1"}


@contextmanager
def gcs_server() -> Iterator[tuple[str, Buckets]]:
    """Its address, and what it holds; a bucket stands once it has a key in `objects`."""
    buckets = Buckets()
    handler = type("Bound", (Handler,), {"buckets": buckets})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="gcs")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", buckets
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
