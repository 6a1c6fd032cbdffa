"""Lakes by obstore: a local folder, S3 (and what speaks it), Google Cloud Storage, memory.

Credentials and endpoints of the cloud come from the environment, under the names that the vendors' own tools use
(`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_APPLICATION_CREDENTIALS` …).
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import GCSStore, LocalStore, MemoryStore, S3Store

from asterism.errors import LakeError, UsageError
from asterism.ports.scratch import scratch

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig  # exists for type checkers only

SCHEMES = ("file", "s3", "gs", "memory")

_PART = 2**20
_FULL = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class ObstoreLake:
    """Implements `asterism.ports.lake.Lake`. Safe to use from several threads.

    A put is atomic: obstore writes beside the object and renames, or completes an upload. On a local disk it is durable
    as well before `put` returns, since a committed cursor promises that its batch can be read again.
    """

    def __init__(self, uri: str) -> None:
        """`uri` is `file:///absolute/folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `memory:///`."""
        self.uri = uri
        self._copies: Path | None = None
        parts = urlsplit(uri)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        if parts.scheme not in SCHEMES:
            remedy = f"Use one of {', '.join(scheme + '://' for scheme in SCHEMES)}."
            raise UsageError(f"lake {uri}", f"the scheme {parts.scheme!r} is not known", remedy)
        with self._speaking(""):
            if self._folder is not None:
                self._store: obstore.store.ObjectStore = LocalStore(self._folder, mkdir=True)
            elif parts.scheme == "memory":
                self._store = MemoryStore()
            else:
                # A minute of retries at most: the verbs have a backoff of their own, and people wait for an answer.
                retry: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
                store = S3Store if parts.scheme == "s3" else GCSStore
                plain: ClientConfig | None = {"allow_http": True} if _is_plain() else None  # else the environment says
                self._store = store.from_url(uri, retry_config=retry, client_options=plain)

    def put(self, key: str, data: bytes | Path) -> None:
        """Store bytes, or a local file's content, under `key`; what was there is replaced."""
        self._forget_copy(key)
        with self._speaking(key):
            if self._folder is not None and isinstance(data, Path) and data.stat().st_size > _PART:
                # Four times as fast as whole, in a third of the memory.
                obstore.put(self._store, key, data, use_multipart=True, chunk_size=_PART, max_concurrency=1)
            else:
                obstore.put(self._store, key, data)
            if self._folder is not None:
                _settle(self._folder / key)

    def get(self, key: str) -> bytes:
        """An object's content."""
        with self._speaking(key):
            return obstore.get(self._store, key).bytes().to_bytes()

    def local(self, key: str) -> Path:
        """The object itself where the lake is a local folder, else a copy that is kept while this lake lives."""
        if self._folder is not None:
            path = self._folder / key
            if not path.is_file():
                raise self._error(key, "there is no such object", "")
            return path
        if self._copies is None:
            self._copies = Path(tempfile.mkdtemp(dir=scratch()))
            weakref.finalize(self, shutil.rmtree, self._copies, ignore_errors=True)
        copy = self._copies / key
        if not copy.is_file():
            partial = copy.with_name(copy.name + ".partial")
            with self._speaking(key):
                copy.parent.mkdir(parents=True, exist_ok=True)
                with partial.open("wb") as file:
                    for chunk in obstore.get(self._store, key):
                        file.write(chunk)
                partial.replace(copy)
        return copy

    def list(self, prefix: str) -> Iterator[str]:
        """The keys under `prefix`, in byte order. They are gathered first: a local disk has no order of its own."""
        with self._speaking(prefix):
            pages = obstore.list(self._store, prefix=prefix or None, chunk_size=1000)
            keys = [entry["path"] for page in pages for entry in page]
        yield from sorted(keys, key=lambda key: key.encode())

    def delete(self, prefix: str) -> int:
        """Remove every object under `prefix`, or the one of that very key; answer how many there were."""
        keys = [*self.list(prefix)] or [*self._itself(prefix)]
        for key in keys:
            self._forget_copy(key)
        with self._speaking(prefix):
            for start in range(0, len(keys), 1000):
                obstore.delete(self._store, keys[start : start + 1000])
        return len(keys)

    def _itself(self, key: str) -> tuple[str, ...]:
        with self._speaking(key):
            try:
                obstore.head(self._store, key)
            except (exceptions.NotFoundError, FileNotFoundError):
                return ()
        return (key,)

    def _forget_copy(self, key: str) -> None:
        if self._copies is not None:
            (self._copies / key).unlink(missing_ok=True)

    @contextmanager
    def _speaking(self, key: str) -> Iterator[None]:
        """Turn what obstore and the disk raise into LakeErrors that name the key."""
        try:
            yield
        except exceptions.UnauthenticatedError as error:
            raise self._error(key, _first_line(error), "Check the credentials in the environment.") from error
        except (exceptions.PermissionDeniedError, PermissionError) as error:
            raise self._error(key, _first_line(error), "Grant reading, writing and listing there.") from error
        except (exceptions.NotFoundError, FileNotFoundError) as error:
            raise self._error(key, "there is no such object", "") from error
        except (exceptions.BaseError, OSError, ValueError) as error:
            fact = _first_line(error)
            full = any(reason in fact for reason in _FULL)
            remedy = "Free some space there, then run the command again: nothing is half done." if full else ""
            raise self._error(key, fact, remedy) from error

    def _error(self, key: str, fact: str, remedy: str) -> LakeError:
        return LakeError(f"lake {self.uri.rstrip('/')}/{key}", fact, remedy)


def _is_plain() -> bool:
    """Whether the environment leads to a server that speaks plain HTTP: one of this machine, as a rule."""
    named = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
    return any(each.startswith("http://") for each in named)


def _first_line(error: Exception) -> str:
    """The message without the dump of internals that obstore appends to it."""
    return str(error).partition("\n")[0].rstrip(". ")


def _settle(path: Path) -> None:
    """Make a file and its name survive a power cut."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
