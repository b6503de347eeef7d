"""Passwords: Argon2id at the parameters OWASP gives for a service (19 MiB, 2 passes, 1 lane; about 20 ms).

Hashing runs off the event loop, two at once at most: a storm of logins must not take all cores and memory from
everybody else.
"""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


async def hash_password(password: str) -> str:
    """The hash of a new password, in PHC form."""
    return await asyncio.get_running_loop().run_in_executor(_threads, hash_now, password)


def hash_now(password: str) -> str:
    """The same where nobody else waits."""
    return HASHER.hash(_prepared(password))


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password has this hash. Without a hash it takes as long, and says no."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password_hash, password)


def _prepared(password: str) -> str:
    """One form for all keyboards: an accent typed apart is the same accent (RFC 8265, section 4.2.1)."""
    return unicodedata.normalize("NFC", password)


def _verify(password_hash: str | None, password: str) -> bool:
    usable = password_hash is not None and password_hash != "!"  # noqa: S105 - the hash of none
    try:
        return (
            HASHER.verify(password_hash if usable and password_hash else _nobodys_hash(), _prepared(password))
            and usable
        )
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """For accounts that do not exist, so that their absence cannot be timed."""
    return HASHER.hash("nobody has this password")
