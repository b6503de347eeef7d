"""The least that an answer from PostgreSQL can cost: a bare ASGI function on the pool of the service.

It sends the statements of the service with arguments that are ready, and does nothing else: no token, no
parameters, no ETag, no deadline, no errors.
"""

import os
from typing import Any
from uuid import UUID

import asyncpg

from api.database.pool import open_pool
from api.database.queries import load_query
from api.http.authentication import hash_token
from api.settings import Settings

HEADERS = [(b"content-type", b"application/json")]


def create_bare_app() -> Any:
    """`/course` is one course, anything else the first page of 20, for the token and course of the environment."""
    token_hash = hash_token(os.environ["BENCH_TOKEN"].encode())
    one = load_query("courses/read_course").text, (token_hash, UUID(os.environ["BENCH_COURSE_ID"]))
    page = load_query("courses/list_courses").text, (token_hash, None, 20, 0, False)
    pool: asyncpg.Pool

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal pool
        if scope["type"] == "lifespan":
            await receive()
            # The service's own pool without what we wrap it in, which is a part of what is measured.
            pool = (await open_pool(Settings()))._pool
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        statement, arguments = one if scope["path"] == "/course" else page
        records = await pool.fetch(statement, *arguments)
        body: bytes = records[0][0]
        headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
