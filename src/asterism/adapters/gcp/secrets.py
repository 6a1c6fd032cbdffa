"""Secret Manager: `gcpsecrets://project/prefix`; the secret NAME is `prefix-NAME` there, in its latest version.

The protocol: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from __future__ import annotations

import base64
import os
from http import HTTPStatus
from urllib.parse import quote

import httpx
from google.auth.exceptions import GoogleAuthError

from asterism.adapters.gcp.access import parts, token
from asterism.errors import AsterismError

SHAPE = "gcpsecrets://project/prefix"
EMULATOR = "SECRET_MANAGER_EMULATOR_HOST"
_SERVICE = "https://secretmanager.googleapis.com"
_TIMEOUT = 20.0


class SecretManager:
    """Implements `Secrets`. A value that was read is read no more by this object."""

    def __init__(self, uri: str) -> None:
        """Raises UsageError."""
        project, self._prefix = parts(uri, SHAPE, "the store of secrets")
        local = os.environ.get(EMULATOR)
        self._url = f"{f'http://{local}' if local else _SERVICE}/v1/projects/{quote(project)}/secrets/"
        self._is_open = bool(local)
        self._known: dict[str, str] = {}
        self.place = f"the secret {self._prefix}-NAME of Secret Manager"

    def get(self, name: str) -> str | None:
        """See `Secrets.get`."""
        if name not in self._known:
            subject = f"the secret {self._prefix}-{name}"
            try:
                headers = {} if self._is_open else {"Authorization": f"Bearer {token()}"}
                url = f"{self._url}{quote(f'{self._prefix}-{name}')}/versions/latest:access"
                answer = httpx.get(url, headers=headers, timeout=_TIMEOUT, trust_env=not self._is_open)
            except (httpx.HTTPError, GoogleAuthError) as error:
                raise AsterismError(subject, f"cannot be read: {type(error).__name__}", "Check the network.") from error
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            if answer.status_code != HTTPStatus.OK:  # of its body nothing is told: one never knows
                remedy = "Grant roles/secretmanager.secretAccessor on it."
                raise AsterismError(subject, f"Secret Manager answered {answer.status_code}", remedy)
            self._known[name] = base64.b64decode(answer.json()["payload"]["data"]).decode()
        return self._known[name]
