"""Connections to Google Cloud: channels with the credentials of the environment, or to an emulator; failures told.

Credentials are Application Default Credentials, as Google's own tools find them. Where the environment names an
emulator, under the name that those tools use (`PUBSUB_EMULATOR_HOST` …), it is spoken to in the clear.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import grpc
from google.auth import default
from google.auth.exceptions import GoogleAuthError

from asterism.errors import UsageError

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
)
_importing = threading.Lock()
"""Two threads at once would take away each other's stand-in."""
_REMEDIES = {
    grpc.StatusCode.UNAUTHENTICATED: "Check the credentials: `gcloud auth application-default login`.",
    grpc.StatusCode.PERMISSION_DENIED: "Grant the stage's service account that role, as `asterism plan` lists it.",
    grpc.StatusCode.NOT_FOUND: "Make it with `asterism deploy`, or correct asterism.toml.",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "Raise the quota, or send less at a time.",
}


def messages(package: str) -> Any:
    """The messages of one of Google's packages, whose clients are left out: these take most of a second to import."""
    with _importing:
        if package in sys.modules:
            return import_module(f"{package}.types")
        spec = find_spec(package)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        stand_in = ModuleType(package)
        stand_in.__path__ = [*spec.submodule_search_locations]
        sys.modules[package] = stand_in
        try:
            return import_module(f"{package}.types")
        finally:
            del sys.modules[package]  # whoever wants the clients imports the package itself


def channel(host: str, emulator: str) -> grpc.Channel:
    """A channel to a service, or to the emulator that the environment variable `emulator` names.

    Raises GoogleAuthError where no credentials are to be found.
    """
    if local := os.environ.get(emulator):
        return grpc.insecure_channel(local, options=_OPTIONS)
    from google.auth.transport.grpc import AuthMetadataPlugin  # noqa: PLC0415 - slow, and no emulator needs it
    from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

    credentials, _ = default(scopes=_SCOPES)
    plugin = AuthMetadataPlugin(credentials, Request())  # type: ignore[no-untyped-call]
    call = grpc.metadata_call_credentials(plugin)
    secure = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), call)
    return grpc.secure_channel(f"{host}:443", secure, options=_OPTIONS)


def token() -> str:
    """What a request over HTTP says who it is with. Raises GoogleAuthError."""
    from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

    credentials, _ = default(scopes=_SCOPES)
    credentials.refresh(Request())  # type: ignore[no-untyped-call]
    return str(credentials.token)


def unary(channel: grpc.Channel, method: str, answer: Any) -> Callable[..., Any]:
    """A method that takes one message and answers one; `answer` is the class of that."""
    return channel.unary_unary(method, _serialized, answer.FromString)  # type: ignore[no-any-return]


def stream(channel: grpc.Channel, method: str, answer: Any) -> Callable[..., Any]:
    """A method that takes one message and answers many."""
    return channel.unary_stream(method, _serialized, answer.FromString)  # type: ignore[no-any-return]


def exchange(channel: grpc.Channel, method: str, answer: Any) -> Callable[..., Any]:
    """A method that takes many messages and answers each."""
    return channel.stream_stream(method, _serialized, answer.FromString)  # type: ignore[no-any-return]


def told(error: Exception) -> tuple[str, str]:
    """The fact and the remedy of a failed call, for an error of ours."""
    if isinstance(error, GoogleAuthError):
        return f"there are no credentials: {error}".partition("\n")[0], _REMEDIES[grpc.StatusCode.UNAUTHENTICATED]
    code, details = status(error), str(getattr(error, "details", lambda: error)() or error)
    name = code.name if code is not None else type(error).__name__
    return f"{name}: {details}".partition("\n")[0], _REMEDIES.get(code, "") if code is not None else ""


def status(error: Exception) -> grpc.StatusCode | None:
    """The code of a failed call."""
    code = getattr(error, "code", None)
    found = code() if callable(code) else None
    return found if isinstance(found, grpc.StatusCode) else None


def parts(uri: str, shape: str, subject: str) -> tuple[str, ...]:
    """The parts of a URI like `bigtable://project/instance/table`. Raises UsageError for another shape."""
    rest = uri.partition("://")[2]
    found = tuple(rest.split("/"))
    if not all(found) or len(found) != shape.partition("://")[2].count("/") + 1:
        raise UsageError(subject, f"{uri} is not {shape}", f"Write {shape} in asterism.toml.")
    return found


def _serialized(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
