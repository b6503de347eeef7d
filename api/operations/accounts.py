"""Accounts from the command line: the first administrator of a school, and a way back in for whoever lost theirs."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from api.models.email import canonical
from api.models.users import NewPassword, NewUser
from api.operations.failures import FailureError
from api.operations.statements import count
from api.operations.targets import connect
from api.passwords import hash_now

UNUSABLE: Final = "!"
"""The hash of no password: nobody can log in."""

_SQL: Final = Path(__file__).resolve().parent / "sql"


def add_account(url: str, *, email: str, full_name: str, role: str, password: str | None) -> str:
    """Make an account, as the owner of the database; returns its address in canonical form.

    Raises:
        FailureError: the address is taken, or something given breaks a rule, which it names.
        psycopg.Error: no connection, no privilege, no schema.
    """
    try:
        account = NewUser.model_validate({"email": email, "full_name": full_name, "role": role})
    except ValidationError as error:
        raise FailureError(
            "; ".join(f"{found['loc'][0]}: {found['msg']}" for found in error.errors())
        ) from None
    password_hash = UNUSABLE if password is None else _hash(password)
    with connect(url) as connection:
        added = count(
            connection,
            _SQL,
            "accounts/add_account",
            account.email,
            account.full_name,
            account.role,
            password_hash,
        )
    if not added:
        raise FailureError(f"{account.email} has an account already.")
    return account.email


def set_password(url: str, *, email: str, password: str) -> str:
    """Give an account a password and end its sessions; returns its address in canonical form.

    Raises:
        FailureError: there is no such account, or the password breaks a rule.
        psycopg.Error: no connection, no privilege, no schema.
    """
    try:
        address = canonical(email)
    except ValueError as error:
        raise FailureError(f"{email}: {error}") from None
    password_hash = _hash(password)
    with connect(url) as connection:
        if not count(connection, _SQL, "accounts/set_password", address, password_hash):
            raise FailureError(f"Nobody has the e-mail address {address}.")
    return address


def _hash(password: str) -> str:
    try:
        return hash_now(TypeAdapter(NewPassword).validate_python(password))
    except ValidationError as error:
        raise FailureError(f"The password: {error.errors()[0]['msg']}.") from None
