"""Addresses of databases (`postgresql://user:password@host:5432/lms?sslmode=require`), read and rewritten.

They are worked on as text and not through `urlsplit`, which understands neither a list of hosts nor the
absence of one.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

_ADDRESS: Final = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<options>.*))?"
)


def user_of(address: str) -> str | None:
    """Whom an address names; None where it leaves that to PGUSER or the system account."""
    found = _parts(address)
    return _options(found).get("user") or unquote(found["user"] or "") or None


def password_of(address: str) -> str | None:
    found = _parts(address)
    return _options(found).get("password") or unquote(found["password"] or "") or None


def place_of(address: str) -> str:
    """Host, port and database, fit for a sentence: `localhost:5432/lms`."""
    found = _parts(address)
    hosts = unquote(found["hosts"] or _options(found).get("host") or "the local socket")
    # What is left before an @ belongs to a password that was not escaped.
    return f"{hosts}/{unquote(found['database'] or '')}".rpartition("@")[2]


def mask(address: str) -> str:
    """The address without its passwords, fit for a log or a terminal.

    One that is written wrongly, as with an unescaped `@` or `/` in its password, loses rather more.
    """
    hidden = re.sub(r"(?<=://)([^:@]*):.*@", r"\1:***@", address)
    return re.sub(r"(?<=password=)[^&]*", "***", hidden)


def with_login(address: str, user: str, password: str | None) -> str:
    """The same database, as somebody else."""
    found = _parts(address)
    login = quote(user, safe="") + ("" if password is None else f":{quote(password, safe='')}")
    options = {name: value for name, value in _options(found).items() if name not in {"user", "password"}}
    database = "" if found["database"] is None else f"/{found['database']}"
    tail = f"?{urlencode(options, quote_via=quote, safe='/')}" if options else ""
    return f"{found['scheme']}{login}@{found['hosts']}{database}{tail}"


def with_database(address: str, database: str) -> str:
    """The same server and user, another database."""
    found = _parts(address)
    options = {name: value for name, value in _options(found).items() if name != "dbname"}
    login, _, _ = address.removeprefix(found["scheme"] or "").partition("/")
    tail = f"?{urlencode(options, quote_via=quote, safe='/')}" if options else ""
    return f"{found['scheme']}{login.partition('?')[0]}/{quote(database, safe='')}{tail}"


def _parts(address: str) -> dict[str, str | None]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError("give an address such as postgresql://localhost:5432/lms")
    return found.groupdict()


def _options(found: dict[str, str | None]) -> dict[str, str]:
    return dict(parse_qsl(found["options"] or "", keep_blank_values=True))
