"""A repository function and its query file take and give the same, or the service does not start."""

import pytest

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.queries import load_query
from api.database.query import SignatureError, bind
from api.database.results import Created
from api.models.terms import NewTerm, Term


class _LongerTerm(NewTerm):
    language: str = "en"


async def create_term(db: Database, *, actor: Actor, term: _LongerTerm) -> Created[Term]:
    raise NotImplementedError


def test_a_field_that_no_parameter_takes_is_refused() -> None:
    with pytest.raises(SignatureError, match="terms/create_term: the query has no use for language"):
        bind(load_query("terms/create_term"), create_term)
