"""/deliveries: how the mails fare that enrolments and passwords call for."""

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath

from api.http.documents import Document, shown
from api.http.openapi import problems
from api.http.service import actor_of, database_of
from api.models.deliveries import Delivery
from api.repositories import deliveries


@get("/deliveries/{delivery_id:str}", tags=["deliveries"], responses=problems(401, 404))
async def read_delivery(request: Request[Any, Any, Any], delivery_id: FromPath[UUID]) -> Document[Delivery]:
    """Whether a mail was sent: to you, or about a course that you teach. 404: no such delivery for you."""
    return shown(
        request.scope,
        await deliveries.read_delivery(
            database_of(request), actor=actor_of(request), delivery_id=delivery_id
        ),
    )
