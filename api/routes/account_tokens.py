"""/account-tokens: the link by which somebody who was invited sets their first password."""

from typing import Any

from litestar import Request, post

from api.database.errors import NoActorError
from api.http.authentication import hash_token
from api.http.bodies import Sent
from api.http.documents import Document, gone
from api.http.openapi import PUBLIC, problems
from api.http.problems import ProblemError
from api.http.service import database_of
from api.models.account_tokens import Redemption
from api.passwords import hash_password
from api.repositories import account_tokens


@post(
    "/account-tokens/redeem",
    status_code=204,
    tags=["auth"],
    public=True,
    security=PUBLIC,
    responses=problems(400, 413, 415),
)
async def redeem_account_token(request: Request[Any, Any, Any], data: Sent[Redemption]) -> Document[None]:
    """Set the first password of the account that the link in an invitation opens. It works once.

    422 with the pointer `/token`: there is no such link, or it was used, or it is too old, or the account is closed.
    """
    database = database_of(request)
    token_hash = hash_token(data.token.encode())
    # Nobody makes the service hash a password who has no link that works.
    if await account_tokens.read_account_token(database, account_token_hash=token_hash) is None:
        raise _useless()
    password_hash = await hash_password(data.new_password)
    try:
        await account_tokens.redeem_account_token(
            database, account_token_hash=token_hash, password_hash=password_hash
        )
    except NoActorError:
        # Used or closed meanwhile.
        raise _useless() from None
    return gone()


def _useless() -> ProblemError:
    detail = "This link does not work, or not any more."
    return ProblemError(422, detail, "useless-token", [{"pointer": "/token", "detail": detail}])
