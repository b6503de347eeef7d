"""sql/terms: the spans of time that courses are given in."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Paged, Versioned
from api.models.common import Deleted
from api.models.terms import NewTerm, Term, TermPage, TermPatch


@query("terms/list_terms")
async def list_terms(db: Database, *, actor: Actor, page: Page) -> Paged[TermPage]: ...


@query("terms/read_term")
async def read_term(db: Database, *, actor: Actor, term_id: UUID) -> Versioned[Term]: ...


@query("terms/create_term")
async def create_term(db: Database, *, actor: Actor, term: NewTerm) -> Created[Term]: ...


@query("terms/update_term")
async def update_term(
    db: Database, *, actor: Actor, term_id: UUID, version: int | None, patch: Patch[TermPatch]
) -> Versioned[Term]: ...


@query("terms/delete_term")
async def delete_term(
    db: Database, *, actor: Actor, term_id: UUID, version: int | None
) -> Versioned[Deleted]: ...
