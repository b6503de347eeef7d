"""/health: for whoever keeps the service running."""

from typing import Any, Literal

from litestar import Request, get

from api.database.known_version import known_version
from api.http.documents import Document
from api.http.openapi import PUBLIC, problems
from api.http.problems import unavailable
from api.http.service import database_of
from api.models.common import Response
from api.repositories import catalogue


class Health(Response):
    """Good news; the bad is a problem."""

    status: Literal["alive", "ready"]


@get(
    "/health/live",
    tags=["health"],
    public=True,
    security=PUBLIC,
    responses=problems(asks_database=False),
)
async def read_live() -> Document[Health]:
    """The process answers. Asks nobody else."""
    return Document(b'{"status": "alive"}')


@get("/health/ready", tags=["health"], public=True, security=PUBLIC, responses=problems())
async def read_ready(request: Request[Any, Any, Any]) -> Document[Health]:
    """The database answers, and its schema is at least the version that this release knows. Otherwise 503."""
    state = await catalogue.read_schema_state(database_of(request), migration_id=known_version())
    if not state.is_current:
        raise unavailable()
    return Document(b'{"status": "ready"}')
