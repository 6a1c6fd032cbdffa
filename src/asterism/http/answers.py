"""Answers to questions: the form that is asked for, what is kept of them, and how they are sent."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from msgspec import structs

from asterism.http.asgi import Headers, Receive, Send
from asterism.http.asking import Asker
from asterism.http.problem import GUARDED, SOON, HttpProblem, answer
from asterism.ports.sheets import Form
from asterism.run.wish import Refusal, Reply, Wish

MEDIA: Mapping[Form, str] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""The forms, and what `Accept` calls them."""
_FORMS: Mapping[str, Form] = {
    **{media.partition(";")[0]: form for form, media in MEDIA.items()},
    "application/jsonl": "ndjson",
    "application/x-parquet": "parquet",
}
_STATUS = {
    "sql": 400, "unfit": 422, "unknown": 404, "engine": 400, "late": 504, "gone": 503, "busy": 503, "away": 503,
}  # fmt: skip
_PART = 2**18
_SUDDEN = 0.2
"""Seconds after which it is asked whether the client is still there."""
_FRESH = 0.03
"""Seconds for which a version of the data counts as the present one."""
_KEPT_BYTES = 2**25
_SMALL = 2**16

_Key = tuple[str, str, frozenset[tuple[str, str]], Form, int | None, str]
_Kept = tuple[Reply, bytes]


class Answers:
    """Asks, keeps small answers while the data stay as they are, and sends. Used by one event loop."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._size = 0
        self._version = ""
        self._until = 0.0

    async def serve(self, wish: Wish, headers: Mapping[bytes, bytes], path: str, receive: Receive, send: Send) -> None:
        """Answer a request. `path` is that of the page after, to which its `after` is appended; empty: none."""
        key = _key(wish)
        kept = self._kept.get(key)
        known = _tags(headers.get(b"if-none-match", b""))
        if kept is not None and kept[0].version == self._version and time.monotonic() < self._until:
            await _send(*kept, wish.form, known, path, send)
            return
        tag = kept[0].tag if kept is not None else next(iter(known), "")
        reply, body = await self._awaited(structs.replace(wish, known=tag), receive)
        if isinstance(reply, Refusal):
            await _refusal(reply).answer(send)
            return
        self._version, self._until = reply.version, time.monotonic() + _FRESH
        if reply.same and kept is not None:  # its version is another, and what it says is the same
            reply, body = structs.replace(kept[0], version=reply.version), kept[1]
        if reply.same:
            await answer(send, 304, b"", _headers(reply, wish.form, path))
            return
        if reply.tag and not reply.file and len(body) <= _SMALL:
            self._keep(key, (reply, body))
        await _send(reply, body, wish.form, known, path, send)

    async def _awaited(self, wish: Wish, receive: Receive) -> tuple[Reply | Refusal, bytes]:
        """The answer; where the client goes away before it, the question is stopped."""
        asked = asyncio.ensure_future(self._asker.ask(wish))
        try:
            await asyncio.wait({asked}, timeout=_SUDDEN)
            if not asked.done():
                left = asyncio.ensure_future(_until_gone(receive))
                await asyncio.wait({asked, left}, return_when=asyncio.FIRST_COMPLETED)
                left.cancel()
        finally:
            if not asked.done():
                asked.cancel()
        if asked.cancelled() or not asked.done():
            raise HttpProblem(503, "Nobody waits for the answer.")
        return asked.result()

    def _keep(self, key: _Key, kept: _Kept) -> None:
        old = self._kept.pop(key, None)
        self._size += len(kept[1]) - (len(old[1]) if old else 0)
        self._kept[key] = kept
        while self._size > _KEPT_BYTES:
            _, (_, body) = self._kept.popitem(last=False)
            self._size -= len(body)


def form_of(named: str, accept: str) -> Form:
    """The form that `format` names, or else the first that `Accept` takes. Raises HttpProblem 406 and 422."""
    if named:
        if named not in MEDIA:
            detail = f"There is no format {named[:50]!r}: known are {', '.join(MEDIA)}."
            raise HttpProblem(422, detail, more={"parameter": "format"})
        return next(form for form in MEDIA if form == named)
    if not accept or accept == "*/*":
        return "json"
    for wanted in sorted(_accepted(accept), key=lambda each: -each[1]):
        if wanted[0] in _FORMS:
            return _FORMS[wanted[0]]
        if wanted[0] in {"*/*", "application/*"}:
            return "json"
    raise HttpProblem(406, f"An answer is one of {', '.join(_FORMS)}.")


def _accepted(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        with suppress(ValueError):
            if float(quality) > 0:
                found.append((kind, float(quality)))
    return found


def _key(wish: Wish) -> _Key:
    return wish.name, wish.sql, frozenset(wish.values.items()), wish.form, wish.limit, wish.after


def _headers(reply: Reply, form: Form, path: str) -> Headers:
    found = [(b"content-type", MEDIA[form].encode()), (b"vary", b"Accept"), *GUARDED]
    if reply.tag:  # it may be kept by who asked, who asks again whether it still holds
        found = [each for each in found if each[0] != b"cache-control"]
        found += [(b"etag", f'"{reply.tag}"'.encode()), (b"cache-control", b"private, no-cache")]
    if reply.next and path:
        found.append((b"link", f'<{path}{"&" if "?" in path else "?"}after={reply.next}>; rel="next"'.encode()))
    if reply.cut:
        found.append((b"asterism-truncated", b"true"))
    return found


async def _send(reply: Reply, body: bytes, form: Form, known: frozenset[str], path: str, send: Send) -> None:
    headers = _headers(reply, form, path)
    if reply.tag and reply.tag in known:
        if reply.file:
            (await asyncio.to_thread(_taken, Path(reply.file))).close()
        await answer(send, 304, b"", headers)
    elif reply.file:
        await _send_file(reply, headers, send)
    else:
        await answer(send, 200, body, headers)


async def _send_file(reply: Reply, headers: Headers, send: Send) -> None:
    """In parts. The file is gone from its folder before the first of them, and so stays nowhere."""
    with await asyncio.to_thread(_taken, Path(reply.file)) as file:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        part = reply.before.encode() or await asyncio.to_thread(file.read, _PART)
        while part:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            part = await asyncio.to_thread(file.read, _PART)
        await send({"type": "http.response.body", "body": reply.behind.encode()})


def _taken(path: Path) -> IO[bytes]:
    file = path.open("rb")
    path.unlink()
    return file


def _refusal(refusal: Refusal) -> HttpProblem:
    more = {name: value for name in ("parameter", "line", "column") if (value := getattr(refusal, name))}
    status = _STATUS.get(refusal.kind, 500)
    headers = SOON if status == 503 else {}  # noqa: PLR2004 - a status
    return HttpProblem(status, refusal.detail, headers=headers, more=more)


def _tags(text: bytes) -> frozenset[str]:
    return frozenset(re.findall(r'"([0-9a-f]{32})"', text.decode("latin-1")))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
