"""One service of AWS, as a URI names it: `scheme://name?region=eu-west-2&endpoint=…&option=…`.

Credentials, and the region and endpoint that a URI does not say, come from where every tool of AWS has them: the
environment, `~/.aws`, the role of a function (`AWS_REGION`, `AWS_ENDPOINT_URL` …).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore import session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from asterism.errors import AsterismError, UsageError

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=16,  # as many threads as work side by side
)


@dataclass(frozen=True, slots=True)
class Service:
    """What a URI says."""

    name: str
    region: str | None
    endpoint: str | None
    options: dict[str, str]

    @classmethod
    def of(cls, uri: str, known: tuple[str, ...] = ()) -> Service:
        """Read a URI; `known` are the options it may have beside region and endpoint. Raises UsageError."""
        parts = urlsplit(uri)
        options = dict(parse_qsl(parts.query))
        region, endpoint = options.pop("region", None), options.pop("endpoint", None)
        for option in options:
            if option not in known:
                listed = ", ".join(("region", "endpoint", *known))
                raise UsageError(uri, f"{parts.scheme} has no option {option!r}", f"It has {listed}.")
        return cls(unquote(parts.netloc + parts.path).strip("/"), region, endpoint, options)

    def client(self, service: str) -> Any:
        """A client of botocore; safe to use from several threads. Raises UsageError where no region is known."""
        try:
            return _client(service, self.region, self.endpoint)
        except NoRegionError as error:
            remedy = "Write ?region=eu-west-2 behind it, say, or export AWS_REGION."
            raise UsageError(self.name, "no region is known", remedy) from error


@lru_cache(maxsize=32)
def _client(service: str, region: str | None, endpoint: str | None) -> Any:
    """Making one reads megabytes of descriptions: a process makes it once. boto3 would bring its own on top."""
    chosen = region or os.environ.get("AWS_REGION")  # botocore itself looks for AWS_DEFAULT_REGION
    return _session().create_client(service, region_name=chosen, endpoint_url=endpoint, config=_CONFIG)


@lru_cache(maxsize=1)
def _session() -> Any:
    return session.get_session()


def code(error: ClientError) -> str:
    """The service's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def speaking(kind: type[AsterismError], subject: str) -> Iterator[None]:
    """Turn what botocore raises into errors of `kind`, with what to do next."""
    try:
        yield
    except NoCredentialsError as error:
        remedy = "Give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role."
        raise kind(subject, "there are no credentials for AWS", remedy) from error
    except ClientError as error:
        told = error.response.get("Error", {})
        fact = f"{told.get('Code', 'an error')}: {told.get('Message', '')}".rstrip(": ")
        denied = "Denied" in code(error) or "NotAuthorized" in code(error)
        action = f"Grant {error.operation_name} there to the role that runs this." if denied else ""
        raise kind(subject, fact, action) from error
    except BotoCoreError as error:
        raise kind(subject, str(error).partition("\n")[0], "Check the network, the region and the endpoint.") from error
