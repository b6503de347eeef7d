"""sql/account_tokens: links by which people who were invited set their first password."""

from uuid import UUID

from api.database.pool import Database
from api.database.query import query
from api.database.results import Json
from api.models.account_tokens import AccountToken, AccountTokenIssue
from api.models.users import UserKey


@query("account_tokens/issue_account_token")
async def issue_account_token(
    db: Database, *, account_token_hash: bytes, user_id: UUID, valid_hours: int
) -> AccountTokenIssue | None: ...


@query("account_tokens/read_account_token")
async def read_account_token(db: Database, *, account_token_hash: bytes) -> AccountToken | None: ...


@query("account_tokens/redeem_account_token")
async def redeem_account_token(
    db: Database, *, account_token_hash: bytes, password_hash: str
) -> Json[UserKey]: ...


@query("account_tokens/delete_expired_account_tokens")
async def delete_expired_account_tokens(db: Database) -> int: ...
