"""What many would write first: FastAPI, and a row a request committed in PostgreSQL; lines by COPY.

Knows nothing of Asterism. Run by uvicorn; `INGEST_URL` names the database.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Header, HTTPException, Request
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, TypeAdapter

POOL = AsyncConnectionPool(os.environ["INGEST_URL"], min_size=8, max_size=32, open=False)
TOKEN = os.environ["INGEST_TOKEN"]


class Access(BaseModel):
    service: str
    event: Literal[1, -1]
    n: int
    sent: datetime


ACCESS = TypeAdapter(Access)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with POOL:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/events", status_code=202)
async def take(
    access: Access, authorization: Annotated[str, Header()], idempotency_key: Annotated[str, Header()]
) -> dict[str, str]:
    if authorization != f"Bearer {TOKEN}":
        raise HTTPException(401)
    async with POOL.connection() as connection:  # commits when it is left
        await connection.execute(
            "insert into accesses (id, service, event, n, sent) values (%s, %s, %s, %s, %s) on conflict do nothing",
            (idempotency_key, access.service, access.event, access.n, access.sent),
        )
    return {"id": idempotency_key}


@app.post("/batches", status_code=202)
async def take_lines(
    request: Request, authorization: Annotated[str, Header()], idempotency_key: Annotated[str, Header()]
) -> dict[str, int]:
    if authorization != f"Bearer {TOKEN}":
        raise HTTPException(401)
    taken = [ACCESS.validate_json(line) for line in (await request.body()).splitlines()]
    async with POOL.connection() as connection:
        copying = "copy accesses (id, service, event, n, sent) from stdin"
        async with connection.cursor() as cursor, cursor.copy(copying) as copy:
            for place, each in enumerate(taken):
                await copy.write_row((f"{idempotency_key}/{place}", each.service, each.event, each.n, each.sent))
    return {"accepted": len(taken)}
