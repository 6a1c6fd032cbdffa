"""The Storage Read API: a table as Arrow.

https://cloud.google.com/bigquery/docs/reference/storage/rpc
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
from google.auth.exceptions import GoogleAuthError
from nanoarrow import c_array_stream
from nanoarrow.ipc import InputStream

from asterism.adapters.gcp.access import channel, messages, stream, told, unary
from asterism.errors import EngineError

EMULATOR = "BIGQUERY_STORAGE_EMULATOR_HOST"
HOST = "bigquerystorage.googleapis.com"
_METHOD = "/google.cloud.bigquery.storage.v1.BigQueryRead"
TIMEOUT = 60.0
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The end of an Arrow stream: a message of no length."""


class Rows:
    """Implements `ArrowStream`, read once, of whatever nanoarrow takes for a stream."""

    def __init__(self, source: Any) -> None:
        self._stream = c_array_stream(source)

    def __arrow_c_schema__(self) -> object:
        """Hand the schema over, so that nobody opens a stream to learn it."""
        return self._stream.get_schema().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """See `ArrowStream`."""
        return self._stream.__arrow_c_stream__(requested_schema)


def arrow(name: str, table: Mapping[str, str]) -> Rows:
    """A table's rows in their order, read as they are wanted, in bounded memory. Raises EngineError."""
    types = messages("google.cloud.bigquery_storage_v1")
    path = f"projects/{table['projectId']}/datasets/{table['datasetId']}/tables/{table['tableId']}"
    wanted = types.ReadSession.pb()(table=path, data_format=types.DataFormat.ARROW)
    request = types.CreateReadSessionRequest.pb()(
        parent=f"projects/{table['projectId']}", read_session=wanted, max_stream_count=1
    )
    try:
        line = channel(HOST, EMULATOR)
        create = unary(line, f"{_METHOD}/CreateReadSession", types.ReadSession.pb())
        session = create(request, timeout=TIMEOUT, metadata=routed("read_session.table", path))
    except (grpc.RpcError, GoogleAuthError) as error:
        raise EngineError(name, *told(error), unavailable=True) from error
    read = stream(line, f"{_METHOD}/ReadRows", types.ReadRowsResponse.pb())
    asked = [types.ReadRowsRequest.pb()(read_stream=each.name) for each in session.streams]
    return Rows(InputStream.from_readable(_Bytes(name, line, _parts(read, asked, session))))


def _parts(read: Any, asked: list[Any], session: Any) -> Iterator[bytes]:
    yield session.arrow_schema.serialized_schema
    for request in asked:
        for answer in read(request, metadata=routed("read_stream", request.read_stream)):
            yield answer.arrow_record_batch.serialized_record_batch
    yield _END


def routed(field: str, value: str) -> tuple[tuple[str, str], ...]:
    """What a call says of where it goes."""
    return (("x-goog-request-params", f"{field}={value}"),)


class _Bytes:
    """A file of what the calls bring, for nanoarrow to read."""

    def __init__(self, name: str, line: grpc.Channel, parts: Iterator[bytes]) -> None:
        self._name, self._line, self._parts = name, line, parts
        self._held = memoryview(b"")

    def readinto(self, given: Any) -> int:
        """Fill a buffer as far as there is anything."""
        buffer, filled = memoryview(given).cast("B"), 0
        while filled < len(buffer):
            if not self._held:
                try:
                    self._held = memoryview(next(self._parts))
                except StopIteration:
                    break
                except grpc.RpcError as error:
                    raise EngineError(self._name, *told(error), unavailable=True) from error
                continue
            taken = min(len(buffer) - filled, len(self._held))
            buffer[filled : filled + taken] = self._held[:taken]
            self._held, filled = self._held[taken:], filled + taken
        return filled

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()
