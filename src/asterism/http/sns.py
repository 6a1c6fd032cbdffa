"""`POST /sns/{stream}`: what Amazon SNS pushes becomes records, once it has been verified.

SNS repeats a delivery that is answered with 5xx or not within 15 s, and never one that is answered with 4xx. So 4xx is
for what can never be valid, and whatever may be ours, or pass, is a 503.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from cryptography import x509

from asterism.adapters.sns import verify
from asterism.adapters.sns.certificates import Certificates
from asterism.adapters.sns.verify import Message
from asterism.declare.endpoint import Endpoint
from asterism.declare.stream import Stream
from asterism.errors import AsterismError, RecordError, SourceError
from asterism.ports.log import Entry
from asterism.run.quarantine import Refused
from asterism.run.records import Shape

Append = Callable[[Stream, Sequence[Entry]], Awaitable[Sequence[bool]]]
"""Returns when the entries are on disk, with whether each is new. Raises LogError."""
SetAside = Callable[[Sequence[Refused]], Awaitable[object]]
"""Returns when what is refused is in quarantine, on disk. Raises LogError."""
Allows = Callable[[str, str], bool]
"""Whether a token, by its text, carries a scope."""
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")

LARGEST = 2_000_000
"""Bytes of a request: a message has 256 KiB, of which JSON may make six times as much."""
_BODY_SECONDS, _OUTSIDE_SECONDS = 5.0, 8.0
"""Together less than the 15 s after which SNS no longer listens."""
_REMEMBERED = 1000
_LOG = logging.getLogger(__name__)


@dataclass(eq=False)
class Answer(Exception):
    """What a request is answered with, and why; raised where that ends the handling of it."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_CHALLENGE = ((b"www-authenticate", b'Basic realm="asterism"'),)


class SnsApp:
    """An ASGI application for the endpoints of Amazon SNS. `certificates` is asked on threads of its own."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        append: Append,
        set_aside: SetAside,
        allows: Allows,
        certificates: Certificates | None = None,
    ) -> None:
        self._endpoints: dict[str, list[Endpoint]] = {}
        for each in endpoints:
            self._endpoints.setdefault(each.stream.name, []).append(each)
        self._shapes = {name: Shape(found[0].stream) for name, found in self._endpoints.items()}
        self._append = append
        self._set_aside = set_aside
        self._allows = allows
        self._certificates = certificates or Certificates()
        self._threads = ThreadPoolExecutor(4, "sns")
        self._fetching: dict[str, asyncio.Future[x509.Certificate]] = {}
        self._confirmed: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request: 200 once its record is on disk, or problem details (RFC 9457)."""
        try:
            answer = await self._handle(scope, receive)
        except Answer as early:
            answer = early
        except RecordError as error:
            answer = Answer(HTTPStatus.BAD_REQUEST, str(error))
        except SourceError as error:
            answer = Answer(HTTPStatus.SERVICE_UNAVAILABLE if error.transient else HTTPStatus.FORBIDDEN, str(error))
        except (AsterismError, TimeoutError) as error:
            answer = Answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error) or "It took too long.")
        except ConnectionResetError:
            return
        if answer.status != HTTPStatus.OK:
            _LOG.warning("SNS at %r was answered with %d: %r", scope["path"], answer.status, answer.detail)
        await _send(send, answer)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._certificates.close()

    async def _handle(self, scope: Mapping[str, Any], receive: Receive) -> Answer:
        name = scope["path"].rpartition("/")[2]
        endpoints = self._endpoints.get(name)
        if endpoints is None:
            raise Answer(HTTPStatus.NOT_FOUND, "There is no SNS endpoint of this name.")
        if scope["method"] != "POST":
            raise Answer(HTTPStatus.METHOD_NOT_ALLOWED, "Amazon SNS posts.", ((b"allow", b"POST"),))
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        if headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            return await self._take_raw(name, endpoints, headers, receive)
        async with asyncio.timeout(_BODY_SECONDS):
            message = verify.read(await _body(receive, headers))
        _check_headers(message, headers)
        endpoint = _of_topic(endpoints, message.topic)
        now = datetime.now(UTC)
        verify.check_age(message, endpoint.service.max_age, now)
        verify.verify(message, await self._certificate(verify.check_address(message)), now)
        if message.type == "Notification":
            return await self._take(name, message.topic, message.id, message.text.encode())
        if message.type == "SubscriptionConfirmation":
            return await self._confirm(message)
        _LOG.warning("the subscription of %r to %s was ended: nothing more will come from there", name, message.topic)
        return Answer(HTTPStatus.OK, "unsubscribed")

    async def _take(self, name: str, topic: str, key: str, body: bytes) -> Answer:
        """Append a genuine record. One that does not fit will not fit better when it is sent again: quarantine."""
        shape = self._shapes[name]
        try:
            admitted = shape.admit(body)
        except RecordError as error:
            refused = Refused(name, f"sns {topic}", error.fact, body, id=f"sns/{name}/{key}", record_id=key)
            await self._set_aside([refused])
            return Answer(HTTPStatus.OK, "quarantined")
        (new,) = await self._append(shape.stream, [Entry(key, admitted.key, admitted.body)])
        return Answer(HTTPStatus.OK, "accepted" if new else "known")

    async def _take_raw(
        self, name: str, endpoints: Sequence[Endpoint], headers: Mapping[str, str], receive: Receive
    ) -> Answer:
        """Take a body without envelope and signature: only from who has a token."""
        endpoints = [each for each in endpoints if each.service.raw]
        if not endpoints:
            raise Answer(HTTPStatus.FORBIDDEN, "This endpoint takes no raw delivery: declare it with raw=True.")
        if not self._allows(_token(headers.get("authorization", "")), f"ingest:{name}"):
            raise Answer(HTTPStatus.UNAUTHORIZED, f"Raw delivery takes a token with ingest:{name}.", _CHALLENGE)
        topic, key = headers.get("x-amz-sns-topic-arn", ""), headers.get("x-amz-sns-message-id", "")
        _of_topic(endpoints, topic)
        if not key:
            raise RecordError("the request", "lacks the header x-amz-sns-message-id")
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _body(receive, headers)
        return await self._take(name, topic, key, body)

    async def _confirm(self, message: Message) -> Answer:
        """Visit the address that confirms a subscription, once."""
        url = verify.check_subscription(message)
        if message.id not in self._confirmed:
            await self._outside(self._certificates.visit, url)
            self._confirmed[message.id] = None
            if len(self._confirmed) > _REMEMBERED:
                self._confirmed.popitem(last=False)
            _LOG.warning("a subscription to %s was confirmed", message.topic)
        return Answer(HTTPStatus.OK, "confirmed")

    async def _certificate(self, url: str) -> x509.Certificate:
        """A certificate; those who wait for one that is being fetched wait together."""
        kept = self._certificates.kept(url)
        if kept is not None:
            return kept
        if url not in self._fetching:
            self._fetching[url] = asyncio.ensure_future(self._outside(self._certificates.fetch, url))
            self._fetching[url].add_done_callback(lambda done: (self._fetching.pop(url), done.exception()))
        return await asyncio.shield(self._fetching[url])

    async def _outside(self, call: Callable[[str], Result], url: str) -> Result:
        async with asyncio.timeout(_OUTSIDE_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, url)


def _of_topic(endpoints: Iterable[Endpoint], topic: str) -> Endpoint:
    endpoint = next((each for each in endpoints if topic in each.service.topics), None)
    if endpoint is None:
        raise Answer(HTTPStatus.FORBIDDEN, f"{topic[:300]!r} is not a topic of this endpoint.")
    return endpoint


def _check_headers(message: Message, headers: Mapping[str, str]) -> None:
    """The headers repeat what the envelope says; where they differ, one of them is made up."""
    said = {
        "x-amz-sns-message-type": message.type,
        "x-amz-sns-message-id": message.id,
        "x-amz-sns-topic-arn": message.topic,
    }
    for header, value in said.items():
        if headers.get(header, value) != value:
            raise RecordError("the request", f"its header {header} is not what its body says")


def _token(authorization: str) -> str:
    """A bearer token, or the password of basic authentication."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """The request's body. Raises Answer for one that is too large, and ConnectionResetError where it is cut."""
    too_large = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A message has at most {LARGEST} bytes.")
    length = headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length) > LARGEST:
        raise too_large
    found = bytearray()
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise ConnectionResetError
        found += part.get("body", b"")
        if len(found) > LARGEST:
            raise too_large
        if not part.get("more_body", False):
            return bytes(found)


async def _send(send: Send, answer: Answer) -> None:
    status = HTTPStatus(answer.status)
    kind, body = b"application/json", dict[str, str | int](status=answer.detail)
    if status != HTTPStatus.OK:
        kind = b"application/problem+json"
        body = {"title": status.phrase, "status": answer.status, "detail": answer.detail}
    retry = ((b"retry-after", b"5"),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()
    headers = [(b"content-type", kind), *answer.headers, *retry]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(body)})
