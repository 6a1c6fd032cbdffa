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
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import msgspec
from cryptography import x509

from asterism.adapters.sns import verify
from asterism.adapters.sns.certificates import Certificates
from asterism.adapters.sns.verify import Message
from asterism.declare.endpoint import Endpoint
from asterism.declare.stream import Stream
from asterism.errors import AsterismError, RecordError, SourceError
from asterism.http.asgi import Receive, Scope, Send
from asterism.http.body import Bodies, DamagedError
from asterism.http.problem import JSON, SOON, HttpProblem, answer
from asterism.ports.log import Entry
from asterism.run.quarantine import STREAM, Refused, entries
from asterism.run.records import Shape
from asterism.run.tokens import Tokens

PREFIX = "/sns/"
LARGEST = 2_000_000
"""Bytes of a request: a message has 256 KiB, of which JSON may make six times as much."""
_BODY_SECONDS, _OUTSIDE_SECONDS = 5.0, 8.0
"""Together less than the 15 s after which SNS no longer listens."""
_REMEMBERED = 1000
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="asterism"'}
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Appends(Protocol):
    """What is needed of an `Appender`."""

    def append(self, stream: Stream, entries: Sequence[Entry]) -> Awaitable[Sequence[bool]]:
        """The answer comes when the entries are on disk: whether each is new. Raises LogError."""
        ...


class SnsApp:
    """The endpoints of Amazon SNS. Used by one event loop; `certificates` is asked on threads of its own.

    No limit of rates is kept here: a 429 would be the end of a message.
    """

    def __init__(
        self, endpoints: Iterable[Endpoint], appender: Appends, tokens: Tokens, certificates: Certificates | None = None
    ) -> None:
        self._endpoints: dict[str, list[Endpoint]] = {}
        for each in endpoints:
            self._endpoints.setdefault(each.stream.name, []).append(each)
        self._shapes = {name: Shape(found[0].stream) for name, found in self._endpoints.items()}
        self._appender = appender
        self._tokens = tokens
        self._certificates = certificates or Certificates()
        self._bodies = Bodies(LARGEST, _BODY_SECONDS)
        self._threads = ThreadPoolExecutor(4, "sns")
        self._fetching: dict[str, asyncio.Future[x509.Certificate]] = {}
        self._confirmed: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path begins with PREFIX: 200 once its record is on disk, else problem details."""
        try:
            done = await self._handle(scope, receive)
        except (HttpProblem, DamagedError, AsterismError, TimeoutError) as error:
            problem = _problem(error)
            _log.warning("SNS at %r was answered with %d: %r", scope["path"][:100], problem.status, problem.detail)
            await problem.answer(send)
        else:
            await answer(send, 200, msgspec.json.encode({"status": done}), JSON)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._certificates.close()

    async def _handle(self, scope: Scope, receive: Receive) -> str:
        name = scope["path"][len(PREFIX) :]
        endpoints = self._endpoints.get(name)
        if endpoints is None:
            raise HttpProblem(404, f"There is no SNS endpoint {name[:100]!r}.")
        if scope["method"] != "POST":
            raise HttpProblem(405, "Amazon SNS posts.", headers={"Allow": "POST"})
        raw, said = dict(scope["headers"]), _said(scope)
        is_raw = said.get("rawdelivery", "").lower() == "true"
        if is_raw:
            self._check_raw(name, endpoints, said, _token(raw.get(b"authorization", b"").decode("latin-1")))
        body = await self._bodies.read(receive, raw)
        try:
            if is_raw:
                return await self._take(name, said["topic-arn"], said["message-id"], body)
            return await self._receive(name, endpoints, said, body)
        finally:
            self._bodies.release(len(body))

    async def _receive(self, name: str, endpoints: Sequence[Endpoint], said: Mapping[str, str], body: bytes) -> str:
        """Verify a message, and do what its type asks for."""
        message = verify.read(body)
        for header, value in (("type", message.type), ("id", message.id)):
            _check_same(said, f"message-{header}", value)
        _check_same(said, "topic-arn", message.topic)
        endpoint = _of_topic(endpoints, message.topic)
        now = datetime.now(UTC)
        verify.check_age(message, endpoint.service.max_age, now)
        verify.verify(message, await self._certificate(verify.check_address(message)), now)
        if message.type == "Notification":
            return await self._take(name, message.topic, message.id, message.text.encode())
        if message.type == "SubscriptionConfirmation":
            return await self._confirm(message)
        # Its SubscribeURL would subscribe again: that is for people to decide.
        _log.warning("the subscription of %r to %s was ended: nothing more will come from there", name, message.topic)
        return "unsubscribed"

    async def _take(self, name: str, topic: str, key: str, body: bytes) -> str:
        """Append a genuine record. One that does not fit will not fit better when it is sent again: quarantine."""
        shape = self._shapes[name]
        try:
            admitted = shape.admit(body)
        except RecordError as error:
            refused = Refused(name, f"sns {topic}", error.fact, body, id=f"sns/{name}/{key}", record_id=key)
            await self._appender.append(STREAM, entries([refused]))
            return "quarantined"
        (new,) = await self._appender.append(shape.stream, [Entry(key, admitted.key, admitted.body)])
        return "accepted" if new else "known"

    def _check_raw(self, name: str, endpoints: Sequence[Endpoint], said: Mapping[str, str], given: str) -> None:
        """A body without envelope and signature comes from who has a token, where an endpoint takes such."""
        takers = [each for each in endpoints if each.service.raw]
        if not takers:
            raise HttpProblem(403, "This endpoint takes no raw delivery: declare it with raw=True.")
        token = self._tokens.find(given)
        if token is None:
            raise HttpProblem(401, f"Raw delivery takes a token with ingest:{name}.", headers=_CHALLENGE)
        if not token.allows(f"ingest:{name}"):
            raise HttpProblem(403, f"The token {token.id} has not the scope ingest:{name}.")
        _of_topic(takers, said.get("topic-arn", ""))
        if not said.get("message-id"):
            raise RecordError("the request", "lacks the header x-amz-sns-message-id")

    async def _confirm(self, message: Message) -> str:
        """Visit the address that confirms a subscription, once."""
        url = verify.check_subscription(message)
        if message.id not in self._confirmed:
            await self._outside(self._certificates.visit, url)
            self._confirmed[message.id] = None
            if len(self._confirmed) > _REMEMBERED:
                self._confirmed.popitem(last=False)
            _log.warning("a subscription to %s was confirmed", message.topic)
        return "confirmed"

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


def _problem(error: Exception) -> HttpProblem:
    """What a failure is answered with: 4xx only where the same request can never be good."""
    if isinstance(error, HttpProblem):
        return error if error.status != 408 else HttpProblem(503, error.detail, headers=SOON)  # noqa: PLR2004 - its name
    if isinstance(error, RecordError | DamagedError):
        return HttpProblem(400, str(error))
    if isinstance(error, SourceError) and not error.transient:
        return HttpProblem(403, str(error))
    return HttpProblem(503, str(error) or "It took too long.", headers=SOON)


def _said(scope: Scope) -> dict[str, str]:
    """The headers of SNS, by the rest of their names."""
    prefix = b"x-amz-sns-"
    return {
        name[len(prefix) :].decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name.startswith(prefix)
    }


def _check_same(said: Mapping[str, str], header: str, value: str) -> None:
    """The headers repeat what the envelope says; where they differ, one of them is made up."""
    if said.get(header, value) != value:
        raise RecordError("the request", f"its header x-amz-sns-{header} is not what its body says")


def _of_topic(endpoints: Iterable[Endpoint], topic: str) -> Endpoint:
    endpoint = next((each for each in endpoints if topic in each.service.topics), None)
    if endpoint is None:
        raise HttpProblem(403, f"{topic[:300]!r} is not a topic of this endpoint.")
    return endpoint


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
