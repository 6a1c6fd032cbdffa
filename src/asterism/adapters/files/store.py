"""The store that objects are read from: a folder, S3 (and what speaks it), Google Cloud Storage.

Credentials and endpoints come from the environment, as for the lake.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import GCSStore, LocalStore, S3Store

from asterism.errors import SourceError

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta  # these exist for type checkers only
    from obstore.store import RetryConfig

SCHEMES = ("file", "s3", "gs")
_SETTLING = timedelta(seconds=0.4)
"""A local file that was written so recently may be half there."""
_CHUNK = 1 << 20
_UNTAGGED = "written at "
"""How a version is called in a store that gives none a tag."""


class Item(NamedTuple):
    """An object: what it is called, which version of it, its size in bytes, and when it was written."""

    key: str
    etag: str
    size: int
    modified: datetime


class ChangedError(Exception):
    """The object is another one by now; the next listing says which."""


class Store:
    """Lists and reads objects that a pattern matches. `name` is what errors speak of. Raises SourceError."""

    def __init__(self, url: str, pattern: str, name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._name = name
        self._matches = matcher(pattern).fullmatch
        self._pause = pause
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None

    @cached_property
    def _store(self) -> obstore.store.ObjectStore:
        """Made when it is first asked: nothing need be there before."""
        if self._folder is not None:
            if not self._folder.is_dir():
                fact = f"there is no folder {self._folder}"
                raise SourceError(self._name, fact, "Make it, or correct the url.", transient=True)
            return LocalStore(self._folder, mkdir=False)
        retry: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
        store = S3Store if urlsplit(self._url).scheme == "s3" else GCSStore
        with self._speaking():
            named = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
            plain = any(each.startswith("http://") for each in named)  # a server of this machine, as a rule
            return store.from_url(self._url, retry_config=retry, client_options={"allow_http": plain})

    def items(self) -> list[Item]:
        """The objects, in the order in which they were written. Local files that are being written are left out."""
        found = self._listed()
        if self._folder is not None and any(_is_fresh(item) for item in found):
            before = set(found)
            self._pause(_SETTLING.total_seconds())
            found = [item for item in self._listed() if not _is_fresh(item) or item in before]
        return found

    def look(self, keys: Iterable[str]) -> list[Item]:
        """Those of these objects that are there, without listing the others."""
        found = []
        for key in filter(self._matches, keys):
            with suppress(exceptions.NotFoundError, FileNotFoundError), self._speaking():
                found.append(_item(obstore.head(self._store, key)))
        return sorted(found, key=lambda item: (item.modified, item.key))

    def within(self, bucket: str, key: str) -> str | None:
        """What an object of a bucket is called here, None where it is not one of these, and for a folder."""
        parts = urlsplit(self._url)
        prefix = unquote(parts.path).strip("/")
        if self._folder is not None or parts.netloc != bucket or not key.startswith(prefix and f"{prefix}/"):
            return None
        name = key[len(prefix) + 1 :] if prefix else key
        return name if self._matches(name) else None

    def read(self, item: Item) -> Iterator[bytes]:
        """The bytes of an object. Raises ChangedError where it was replaced or removed since it was listed."""
        try:
            with self._speaking():
                options: GetOptions = {} if item.etag.startswith(_UNTAGGED) else {"if_match": item.etag}
                yield from obstore.get(self._store, item.key, options=options).stream(_CHUNK)
        except (exceptions.PreconditionError, exceptions.NotFoundError, FileNotFoundError) as error:
            raise ChangedError(item.key) from error

    def _listed(self) -> list[Item]:
        store = self._store
        with self._speaking():
            found = [each for page in obstore.list(store, chunk_size=1000) for each in page]
        items = [_item(each) for each in found if self._matches(each["path"])]
        return sorted(items, key=lambda item: (item.modified, item.key))

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what obstore raises into SourceErrors, apart from what says that an object is another."""
        try:
            yield
        except (exceptions.PreconditionError, exceptions.NotFoundError, FileNotFoundError):
            raise
        except (exceptions.UnauthenticatedError, exceptions.PermissionDeniedError, PermissionError) as error:
            remedy = "Check the credentials in the environment: listing and reading are needed."
            raise self._error(error, remedy) from error
        except (exceptions.BaseError, OSError, ValueError) as error:
            is_named = "invalid path" in str(error)
            remedy = (
                "Rename that object: no other can be listed." if is_named else "Check that the store can be reached."
            )
            raise self._error(error, remedy) from error

    def _error(self, error: Exception, remedy: str) -> SourceError:
        said = str(error).partition("\n")[0].rstrip(". ")
        return SourceError(self._name, f"{self._url}: {said}", remedy, transient=True)


def _item(told: ObjectMeta) -> Item:
    when = told["last_modified"]
    return Item(told["path"], told["e_tag"] or f"{_UNTAGGED}{when}", told["size"], when)


def _is_fresh(item: Item) -> bool:
    return datetime.now(UTC) - item.modified < _SETTLING


def matcher(pattern: str) -> re.Pattern[str]:
    """A glob: `**/` is any folders, `*` and `?` stay within a name, and leave out names that begin with a point."""
    regex = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", pattern):
        if part in {"**/", "**"}:
            regex += r"(?:[^/.][^/]*/)*" if part == "**/" else r".*"
        else:
            at_start = r"(?!\.)" if not regex or regex.endswith(("/", "/)*")) else ""
            wild = {"*": "[^/]*", "?": "[^/]"}
            regex += at_start + wild[part] if part in wild else re.escape(part)
    return re.compile(regex)
