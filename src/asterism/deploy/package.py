"""What functions run: archives of files that are here. The same input gives the same bytes."""

from __future__ import annotations

import marshal
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

from asterism.errors import UsageError
from asterism.project.load import Project

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive."""
LIMIT = 250 * 1024 * 1024
"""Bytes that Lambda unpacks, layers and all."""
PROJECT = "project"
"""The folder of the platform's files in the archive, in which functions begin."""
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "templates", "tests"})
_SECRET_ENDINGS = (".env", ".key", ".p12", ".pem", ".pfx", ".tfstate", ".tfvars")


_BEGINNING = frozenset(
    {
        "anyio", "asterism", "botocore", "dateutil", "duckdb", "filelock", "jmespath", "litestar", "msgspec",
        "multidict", "obstore", "prometheus_client", "sqlglot", "typer", "urllib3", "zstandard",
    }
)  # fmt: skip
"""The packages that a function imports when it begins. Bytecode of all would be as large as their sources."""
_UNCHECKED = 0b01
"""In a .pyc: it belongs to its source by hash, and need not be compared with it. See PEP 552."""
_GROWS = 1.5
"""Bytecode is that much larger than its source, at most."""


@dataclass(frozen=True)
class Archive:
    """A zip file. Its name holds the hash of what is in it, so another content is another object."""

    name: str
    content: Mapping[str, Path | bytes]
    """Files by their path in the archive, or the bytes of what is written for it."""
    compiled: bool = False
    """Whether bytecode for this Python lies beside sources: a function cannot keep what it compiles."""

    @cached_property
    def sha256(self) -> str:
        """Of the content: paths, modes and bytes, in the order of paths."""
        whole = sha256((sys.implementation.cache_tag or "").encode() if self.compiled else b"")
        for path, source in sorted(self.content.items()):
            whole.update(f"{path}\0{_mode(source):o}\0{sha256(_bytes(source)).hexdigest()}\n".encode())
        return whole.hexdigest()

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}-{self.sha256[:16]}.zip"

    @property
    def size(self) -> int:
        """Bytes, unpacked, at most."""
        return sum(
            round(_size(source) * (1 + _GROWS)) if self._is_compiled(path) else _size(source)
            for path, source in self.content.items()
        )

    def write(self, folder: Path) -> Path:
        """Write it into `folder`, unless it is there: what has its name has its content."""
        target = folder / self.file
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for path, source in sorted(self.content.items()):
                    _add(archive, path, _bytes(source), _mode(source))
                    if self._is_compiled(path):
                        _add(archive, _beside(path), _bytecode(path, _bytes(source)), 0o100644)
            unfinished.replace(target)
        return target

    def _is_compiled(self, path: str) -> bool:
        return self.compiled and path.endswith(".py") and not _BEGINNING.isdisjoint(path.split("/")[:2])


@dataclass(frozen=True)
class Package:
    """What is uploaded. At AWS libraries are a layer of their own; at GCP they are named in `requirements.txt`."""

    platform: Archive
    libraries: Archive | None = None
    python: str = "3.11"

    @property
    def archives(self) -> tuple[Archive, ...]:
        """All of them."""
        return (self.platform, self.libraries) if self.libraries else (self.platform,)


def platform_files(project: Project, secrets: tuple[str, ...] = ()) -> dict[str, Path | bytes]:
    """The platform's own files and Asterism itself.

    Hidden files stay behind, and so do tests, what was compiled, what looks like a key or a state, and folders of
    `secrets`.
    """
    content: dict[str, Path | bytes] = {}
    shut = [(project.root / folder).resolve() for folder in secrets]
    for file in project.root.rglob("*"):
        path = file.relative_to(project.root)
        if not file.is_file() or any(part.startswith(".") or part in _LEFT_OUT for part in path.parts):
            continue
        if file.suffix in {".pyc", *_SECRET_ENDINGS} or any(file.resolve().is_relative_to(each) for each in shut):
            continue
        content[f"{PROJECT}/{path.as_posix()}"] = file
    package = Path(str(files("asterism")))
    for file in package.rglob("*"):
        path = file.relative_to(package)
        if file.is_file() and file.suffix != ".pyc" and not _LEFT_OUT & set(path.parts):
            content[f"asterism/{path.as_posix()}"] = file
    number = version("asterism")
    said = f"Metadata-Version: 2.1\nName: asterism\nVersion: {number}\n"
    content[f"asterism-{number}.dist-info/METADATA"] = said.encode()
    return content


def within(limit: int, *archives: Archive | None) -> None:
    """Raise UsageError where archives are larger than a function may be."""
    size = sum(each.size for each in archives if each)
    if size > limit:
        fact = f"the functions' package has {size // 2**20} MB unpacked, and {limit // 2**20} MB is the limit"
        raise UsageError("deploy", fact, "Move large files of the platform into the lake.")


def _add(archive: zipfile.ZipFile, path: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(path, EARLIEST)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, mode << 16
    entry.create_system = 3
    archive.writestr(entry, data)


def _beside(path: str) -> str:
    """Where Python looks for the bytecode of a source."""
    folder, _, file = path.rpartition("/")
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def _bytecode(path: str, source: bytes) -> bytes:
    """A .pyc: the same bytes for the same source and Python."""
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(source) + marshal.dumps(code)


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _mode(source: Path | bytes) -> int:
    executable = not isinstance(source, bytes) and source.stat().st_mode & 0o100
    return 0o100755 if executable else 0o100644
