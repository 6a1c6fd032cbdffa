"""Secrets Manager: `awssecrets://prefix?region=…`; the secret NAME is `prefix/NAME` there."""

from __future__ import annotations

from botocore.exceptions import ClientError

from asterism.adapters.aws.service import Service, code, speaking
from asterism.errors import AsterismError


class SecretsManager:
    """Implements `Secrets`. A value that was read is read no more by this object."""

    def __init__(self, uri: str) -> None:
        """Raises UsageError."""
        service = Service.of(uri)
        self._prefix = f"{service.name}/" if service.name else ""
        self._client = service.client("secretsmanager")
        self._known: dict[str, str] = {}
        self.place = f"the secret {self._prefix}NAME of Secrets Manager"

    def get(self, name: str) -> str | None:
        """See `Secrets.get`."""
        if name not in self._known:
            with speaking(AsterismError, f"the secret {self._prefix}{name}"):
                try:
                    found = self._client.get_secret_value(SecretId=f"{self._prefix}{name}")
                except ClientError as error:
                    if code(error) == "ResourceNotFoundException":
                        return None
                    raise
            told, packed = found.get("SecretString"), found.get("SecretBinary")
            if told is None and packed is None:  # it has a name, and no value yet
                return None
            self._known[name] = told if told is not None else packed.decode()
        return self._known[name]
