"""`/` and `/console/…`: the console's pages, which ask this server and no other, and run no script but its own.

Who has no session gets the page to log in, and its assets. Assets stand under a name made of their content: a browser
keeps them for good, and a new version has new names.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from asterism.http.health import OPEN
from asterism.http.problem import HttpProblem
from asterism.http.services import Services

_OPEN = {"needs": None}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# In small letters, as those of every answer, in whose place they stand: two policies would both count.
_FOR_GOOD = {"cache-control": "public, max-age=31536000, immutable"}
_PAGE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
}
_HTML = "text/html"  # Litestar adds the charset
_PLOTLY = "plotly.js"
_Asked = Request[Any, Any, Any]


def pages(services: Services) -> list[HTTPRouteHandler]:
    """The handlers."""

    def page(request: _Asked) -> Response[bytes]:
        token = services.access.who(dict(request.scope["headers"]))
        name = "login.html" if token is None else "index.html"
        return Response(_html(name), media_type=_HTML, headers=_PAGE)

    @get("/", opt=_OPEN, include_in_schema=False)
    async def first(request: _Asked) -> Response[bytes]:
        return page(request)

    @get("/console/{path:path}", opt=_OPEN, include_in_schema=False)
    async def any_page(request: _Asked, path: FromPath[PurePosixPath]) -> Response[bytes]:  # noqa: ARG001 - the page reads it
        return page(request)

    @get("/console/assets/{mark:str}/{name:str}", opt=OPEN, include_in_schema=False)
    async def asset(request: _Asked, mark: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        known = {_PLOTLY: version("plotly")} if name == _PLOTLY else {name: _mark()}
        if mark != known[name] or (name != _PLOTLY and name not in _files()):
            raise HttpProblem(404, f"There is nothing at {request.url.path[:100]}.")
        tag = f'"{mark}-{name}{"-gz" if packed else ""}"'
        headers = {**_FOR_GOOD, "ETag": tag, "Vary": "Accept-Encoding"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        headers |= {"Content-Encoding": "gzip"} if packed else {}
        body = await asyncio.to_thread(_packed if packed else _content, name)
        return Response(body, media_type=_TYPES[PurePosixPath(name).suffix], headers=headers)

    return [first, any_page, asset]


@cache
def _files() -> Mapping[str, bytes]:
    """What the folder holds, but the pages themselves."""
    folder = resources.files("asterism.http") / "console"
    return {each.name: each.read_bytes() for each in folder.iterdir() if PurePosixPath(each.name).suffix in _TYPES}


@cache
def _mark() -> str:
    """Made of all assets: modules name each other, so that one that is new makes all new."""
    known = sha256()
    for name, content in sorted(_files().items()):
        known.update(name.encode() + b"\0" + content + b"\0")
    return known.hexdigest()[:12]


@cache
def _html(name: str) -> bytes:
    text = (resources.files("asterism.http") / "console" / name).read_text(encoding="utf-8")
    marks = {"{assets}": f"/console/assets/{_mark()}", "{plotly}": f"/console/assets/{version('plotly')}/{_PLOTLY}"}
    for mark, place in marks.items():
        text = text.replace(mark, place)
    return text.encode()


def _content(name: str) -> bytes:
    if name == _PLOTLY:
        found = find_spec("plotly")  # where it lies; its Python is not imported
        folder = Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else Path()
        return (folder / "package_data" / "plotly.min.js").read_bytes()
    return _files()[name]


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_content(name), 6, mtime=0)
