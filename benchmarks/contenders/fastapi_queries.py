"""What one would write first for questions: FastAPI, a pool of psycopg, and the published tables in PostgreSQL.

Knows nothing of Asterism. Run by uvicorn; `ANALYSIS_URL` names the database.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

POOL = AsyncConnectionPool(os.environ["ANALYSIS_URL"], min_size=4, max_size=16, open=False)
TOKEN = os.environ["QUERY_TOKEN"]
SQL = """
select user_id, country_code, is_paying, first_build from analysis.d_user
where country_code = %(country)s and surr_user_id > %(after)s order by surr_user_id limit 20
"""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with POOL:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/queries/users")
async def users(country: str, authorization: Annotated[str, Header()], after: int = 0) -> list[dict[str, Any]]:
    if authorization != f"Bearer {TOKEN}":
        raise HTTPException(401)
    async with POOL.connection() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(SQL, {"country": country, "after": after})
        rows: list[dict[str, Any]] = await cursor.fetchall()
    return rows
