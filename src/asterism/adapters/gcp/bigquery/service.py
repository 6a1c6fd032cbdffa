"""BigQuery's REST interface: queries as jobs, tables, uploads; what it refuses, as an EngineError.

https://cloud.google.com/bigquery/docs/reference/rest
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from google.auth.exceptions import GoogleAuthError

from asterism.adapters.gcp.access import parts, told
from asterism.adapters.gcp.bigquery.types import parameter
from asterism.errors import EngineError

SHAPE = "bigquery://project/dataset"
EMULATOR = "BIGQUERY_EMULATOR_HOST"
_SERVICE = "https://bigquery.googleapis.com"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_GLANCE = 1_000
"""Milliseconds that a call waits for a job, before it is looked whether it shall go on."""
_PAUSE = 0.05
"""Seconds between looks at a job that is no query."""
_PATIENT = (1, 2, 3, 4)
"""Seconds between tries to describe a table, which may be done five times in ten seconds."""
_PASSING, _KEPT = 24 * 3600, 7 * 24 * 3600
"""Seconds after which a table of passing use, and one that is kept as it was, goes by itself, should nobody drop it."""
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_AWAY = frozenset({"backendError", "internalError", "rateLimitExceeded", "quotaExceeded", "jobBackendError"})
_REMEDIES = {
    "accessDenied": "Grant the stage's service account that role, as `asterism plan` lists it.",
    "notFound": "Make it with `asterism deploy`, or correct asterism.toml.",
    "quotaExceeded": "Raise the quota, or ask less often.",
    "rateLimitExceeded": "It passes by itself: repeat it.",
}


class Refused(Exception):
    """A call was refused: `reason` is BigQuery's word for why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Service:
    """One dataset of one project. Used by one thread, but for `interrupt`."""

    def __init__(self, uri: str) -> None:
        """Raises UsageError for another shape of URI, EngineError where there is no such dataset."""
        self.project, self.dataset = parts(uri, SHAPE, "the warehouse")
        self.name = f"{self.project}.{self.dataset}"
        local = os.environ.get(EMULATOR, "").removeprefix("http://")
        self._base = f"http://{local}" if local else _SERVICE
        self._root = f"/bigquery/v2/projects/{quote(self.project)}"
        auth = None if local else _Bearer()
        self._client = httpx.Client(base_url=self._base, auth=auth, timeout=_TIMEOUT, trust_env=not local)
        self._interrupted = False
        self._location = ""
        try:
            self._location = self._call("GET", f"/datasets/{quote(self.dataset)}").get("location", "")
        except BaseException:
            self.close()
            raise

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        session: str | None = None,
        page: int | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Run one statement or script to its end: the answer of `jobs.query`, with the first page of its rows.

        `session` is one to run in; `page` how many rows a page has at most. Raises EngineError.
        """
        body: dict[str, Any] = {
            "query": sql,
            "useLegacySql": False,
            "defaultDataset": {"projectId": self.project, "datasetId": self.dataset},
            "location": self._location,
            "requestId": uuid4().hex,
            "timeoutMs": _GLANCE,
            "formatOptions": {"useInt64Timestamp": True},
            **options,
        }
        if page is not None:
            body["maxResults"] = page
        if session is not None:
            body["connectionProperties"] = [{"key": "session_id", "value": session}]
        if parameters:
            body["parameterMode"] = "NAMED"
            body["queryParameters"] = [parameter(f"p{n}", value) for n, value in enumerate(parameters, 1)]
        self._interrupted = False
        answer = self._call("POST", "/queries", sql, json=body)
        begun = answer
        while not answer.get("jobComplete"):
            self._look(answer["jobReference"])
            answer = self._results(answer["jobReference"], {"maxResults": page} if page is not None else {}, sql)
        return begun | answer

    def pages(self, answer: Mapping[str, Any], size: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of an answer in parts, the first of which it holds."""
        yield answer.get("rows", [])
        while token := answer.get("pageToken"):
            answer = self._results(answer["jobReference"], {"pageToken": token, "maxResults": size})
            yield answer.get("rows", [])

    def destination(self, answer: Mapping[str, Any]) -> dict[str, str]:
        """The table that holds an answer for a day: projectId, datasetId, tableId."""
        path, params = _job(answer["jobReference"])
        job = self._call("GET", path, params=params)
        found: dict[str, str] = job["configuration"]["query"]["destinationTable"]
        return found

    def table(self, name: str) -> dict[str, Any] | None:
        """What is told of a table of the dataset; None where there is none."""
        try:
            return self._refusing("GET", self._path(name))
        except Refused as error:
            if error.reason == "notFound":
                return None
            raise self.failed(error) from error

    def passing(self, name: str, fields: Sequence[Mapping[str, Any]]) -> str:
        """Make a table that goes by itself after a day; answer its name."""
        reference, schema = self._reference(name), {"fields": list(fields)}
        made = {"tableReference": reference, "schema": schema, "expirationTime": _from_now(_PASSING)}
        self._call("POST", self._path(), json=made)
        return name

    def resource(self, name: str) -> str:
        """A table's name as the Storage API has it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{name}"

    def upload(self, name: str, file: Path) -> None:
        """Append a Parquet file to a table."""
        load = {
            "destinationTable": self._reference(name),
            "sourceFormat": "PARQUET",
            "writeDisposition": "WRITE_APPEND",
        }
        headers = {"X-Upload-Content-Type": "application/octet-stream"}
        try:
            begun = self._client.post(
                f"/upload{self._root}/jobs",
                params={"uploadType": "resumable"},
                json=self._begun({"load": load}),
                headers=headers,
            )
            _raise(begun)
            with file.open("rb") as content:
                size = {"Content-Length": str(file.stat().st_size)}
                self._wait(_raise(self._client.put(begun.headers["location"], content=content, headers=size)))
        except (Refused, httpx.HTTPError, GoogleAuthError) as error:
            raise self.failed(error) from error

    def make(self, name: str, column: str) -> None:
        """See that a table of one column of text stands."""
        fields = {"fields": [{"name": column, "type": "STRING"}]}
        try:
            self._refusing("POST", self._path(), json={"tableReference": self._reference(name), "schema": fields})
        except Refused as error:
            if error.reason != "duplicate":
                raise self.failed(error) from error

    def describe(self, name: str, text: str, etag: str) -> str | None:
        """Replace a table's description, if it has not changed since it had this ETag; answer the new one, or None.

        Raises EngineError.
        """
        pauses = list(_PATIENT)
        while True:
            try:
                said = {"description": text}
                return str(self._refusing("PATCH", self._path(name), json=said, headers={"If-Match": etag})["etag"])
            except (Refused, httpx.HTTPError, GoogleAuthError) as error:
                reason = error.reason if isinstance(error, Refused) else ""
                if reason == "conditionNotMet":
                    return None
                if reason != "rateLimitExceeded" or not pauses:
                    raise self.failed(error) from error
                time.sleep(pauses.pop(0))

    def clone(self, name: str, copy: str, schema: Mapping[str, Any]) -> None:
        """Keep a table as it is, of this schema, under another name: nothing is copied. It goes by itself in a week."""
        config = {
            "sourceTable": self._reference(name),
            "destinationTable": self._reference(copy),
            "operationType": "CLONE",
            "destinationExpirationTime": datetime.fromtimestamp(time.time() + _KEPT, UTC).isoformat(),
        }
        try:
            self._wait(self._refusing("POST", "/jobs", json=self._begun({"copy": config})))
            self._refusing("PATCH", self._path(copy), json={"schema": schema})
        except (Refused, httpx.HTTPError, GoogleAuthError) as error:
            raise self.failed(error) from error

    def restore(self, name: str, copy: str) -> None:
        """Make a table what it was when it was cloned. Where there is no copy of it any more, it stays as it is."""
        kept = self.table(copy)
        if kept is not None:
            self.query(f"CREATE OR REPLACE TABLE `{name}` CLONE `{copy}`")
            stays = {"schema": kept["schema"], "expirationTime": None}
            self._call("PATCH", self._path(name), json=stays)

    def _begun(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        job = {"projectId": self.project, "jobId": uuid4().hex, "location": self._location}
        return {"jobReference": job, "configuration": configuration}

    def _reference(self, table: str) -> dict[str, str]:
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": table}

    def _path(self, table: str | None = None) -> str:
        tables = f"/datasets/{quote(self.dataset)}/tables"
        return tables if table is None else f"{tables}/{quote(table)}"

    def _wait(self, job: dict[str, Any]) -> None:
        while job["status"]["state"] != "DONE":
            time.sleep(_PAUSE)
            path, params = _job(job["jobReference"])
            job = self._refusing("GET", path, params=params)
        if error := job["status"].get("errorResult"):
            raise Refused(error.get("reason", ""), error.get("message", ""))

    def interrupt(self) -> None:
        """Stop the running query, from another thread."""
        self._interrupted = True

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def failed(self, error: Exception, sql: str = "") -> EngineError:
        """The error of a call that failed, for those who called."""
        if isinstance(error, Refused):
            said = f"The statement was: {sql[:1000]}" if sql else ""
            remedy = _REMEDIES.get(error.reason, said) if error.reason != "notFound" or not sql else said
            away = error.reason in _AWAY or "concurrent update" in error.message  # no statement is to blame
            return EngineError(self.name, error.message.partition("\n")[0], remedy, unavailable=away)
        if isinstance(error, GoogleAuthError):
            return EngineError(self.name, *told(error), unavailable=True)
        fact = f"BigQuery cannot be reached: {type(error).__name__}"
        return EngineError(self.name, fact, "Check the network, and repeat.", unavailable=True)

    def _results(self, job: Mapping[str, str], options: Mapping[str, Any], sql: str = "") -> dict[str, Any]:
        asked = {"location": job.get("location", ""), "timeoutMs": _GLANCE, "formatOptions.useInt64Timestamp": "true"}
        return self._call("GET", f"/queries/{quote(job['jobId'])}", sql, params={**asked, **options})

    def _look(self, job: Mapping[str, str]) -> None:
        if self._interrupted:
            path, params = _job(job)
            self._call("POST", f"{path}/cancel", params=params)
            raise EngineError(self.name, "the statement was stopped", "Ask again, or for less.", interrupted=True)

    def _call(self, method: str, path: str, sql: str = "", params: Any = None, json: Any = None) -> dict[str, Any]:
        try:
            return self._refusing(method, path, params, json)
        except (Refused, httpx.HTTPError, GoogleAuthError) as error:
            raise self.failed(error, sql) from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            fact = "the connection was closed"  # by another thread, which wants no answer any more
            raise EngineError(self.name, fact, "Ask again.", interrupted=True) from error

    def _refusing(
        self, method: str, path: str, params: Any = None, json: Any = None, headers: Any = None
    ) -> dict[str, Any]:
        return _raise(self._client.request(method, f"{self._root}{path}", params=params, json=json, headers=headers))


class _Bearer(httpx.Auth):
    """The credentials of the environment, made anew when they have run out."""

    def __init__(self) -> None:
        self._credentials: Any = None
        self._request: Callable[..., Any] | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Give a request its header. Raises GoogleAuthError."""
        if self._credentials is None:
            from google.auth import default  # noqa: PLC0415 - slow, and no emulator needs it
            from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

            self._credentials, _ = default(scopes=(_SCOPE,))
            self._request = Request()
        if not self._credentials.valid:
            self._credentials.refresh(self._request)
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        yield request


def _raise(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found
    try:
        error = answer.json()["error"]
        reason = (error.get("errors") or [{}])[0].get("reason", "")
        raise Refused(reason, error.get("message", ""))
    except (ValueError, KeyError, TypeError) as unreadable:
        reason = "backendError" if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        raise Refused(reason, f"BigQuery answered {answer.status_code}") from unreadable


def _from_now(seconds: float) -> str:
    return str(int((time.time() + seconds) * 1000))


def _job(job: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return f"/jobs/{quote(job['jobId'])}", {"location": job.get("location", "")}
