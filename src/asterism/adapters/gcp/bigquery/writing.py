"""The Storage Write API: rows as Arrow into a table, in a stream that counts once it is committed as a whole.

https://cloud.google.com/bigquery/docs/write-api-batch
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.auth.exceptions import GoogleAuthError
from nanoarrow import c_array_stream
from nanoarrow.ipc import StreamWriter

from asterism.adapters.gcp.access import channel, exchange, messages, told, unary
from asterism.adapters.gcp.bigquery.reading import EMULATOR, HOST, TIMEOUT, routed
from asterism.errors import EngineError
from asterism.ports.arrow import ArrowStream

_METHOD = "/google.cloud.bigquery.storage.v1.BigQueryWrite"


def write(table: str, parts: Iterable[ArrowStream]) -> int:
    """Write into `projects/…/datasets/…/tables/…` all parts, or nothing; answer the rows. Raises EngineError.

    Each part travels in a request, which takes ten megabytes.
    """
    types, batches = messages("google.cloud.bigquery_storage_v1"), [*_serialized(parts)]
    try:
        with channel(HOST, EMULATOR) as line:
            create = unary(line, f"{_METHOD}/CreateWriteStream", types.WriteStream.pb())
            pending = types.WriteStream(type_=types.WriteStream.Type.PENDING)
            wanted = types.CreateWriteStreamRequest(parent=table, write_stream=pending)
            stream = create(_raw(wanted), timeout=TIMEOUT, metadata=routed("parent", table)).name
            append = exchange(line, f"{_METHOD}/AppendRows", types.AppendRowsResponse.pb())
            for answer in append(_requests(types, stream, batches), metadata=routed("write_stream", stream)):
                if answer.error.code:
                    raise EngineError(table, answer.error.message)
            finalize = unary(line, f"{_METHOD}/FinalizeWriteStream", types.FinalizeWriteStreamResponse.pb())
            ended = _raw(types.FinalizeWriteStreamRequest(name=stream))
            rows: int = finalize(ended, timeout=TIMEOUT, metadata=routed("name", stream)).row_count
            commit = unary(line, f"{_METHOD}/BatchCommitWriteStreams", types.BatchCommitWriteStreamsResponse.pb())
            whole = _raw(types.BatchCommitWriteStreamsRequest(parent=table, write_streams=[stream]))
            for error in commit(whole, timeout=TIMEOUT, metadata=routed("parent", table)).stream_errors:
                raise EngineError(table, error.error_message)
            return rows
    except (grpc.RpcError, GoogleAuthError) as error:
        raise EngineError(table, *told(error), unavailable=True) from error


def _requests(types: Any, stream: str, batches: Iterable[tuple[bytes, bytes]]) -> Iterator[Any]:
    for schema, batch in batches:
        rows = types.AppendRowsRequest.ArrowData(rows=types.ArrowRecordBatch(serialized_record_batch=batch))
        if schema:
            rows.writer_schema = types.ArrowSchema(serialized_schema=schema)
        yield _raw(types.AppendRowsRequest(write_stream=stream, arrow_rows=rows))


def _serialized(parts: Iterable[ArrowStream]) -> Iterator[tuple[bytes, bytes]]:
    """The messages of an Arrow stream: the schema with the first batch, and then batches."""
    out = io.BytesIO()
    with StreamWriter.from_writable(out) as writer:
        schema = b""
        for part in parts:
            with c_array_stream(part) as arrays:
                if not schema:
                    writer.write_stream(c_array_stream([], arrays.get_schema()))
                    schema = first = _taken(out)
                for array in arrays:
                    writer.write_array(array, write_schema=False)
                    yield first, _taken(out)
                    first = b""


def _taken(out: io.BytesIO) -> bytes:
    found = out.getvalue()
    out.seek(0)
    out.truncate()
    return found


def _raw(message: Any) -> Any:
    return type(message).pb(message)
