"""Conditional requests (RFC 9110, section 13).

Do not send what the client has; do not write over what it has not seen.
"""

import re

from litestar.types import Scope

from api.http.problems import ProblemError

_IF_MATCH = re.compile(rb'"(?P<version>[1-9][0-9]{0,8})(?:\.[0-9a-f]{8})?"')


def header(scope: Scope, name: bytes) -> bytes | None:
    """A request header by its lower-case name; several of one name are one list (RFC 9110, section 5.3)."""
    found = [value for key, value in scope["headers"] if key == name]
    return b", ".join(found) if found else None


def not_modified(scope: Scope, etag: bytes) -> bool:
    """Whether If-None-Match names this ETag, weakly compared as the header demands."""
    condition = header(scope, b"if-none-match")
    if condition is None:
        return False
    known = [part.strip().removeprefix(b"W/") for part in condition.split(b",")]
    return etag in known or known == [b"*"]


def expected_version(scope: Scope) -> int | None:
    """The version that If-Match names; None for `*`, whichever there is.

    Raises ProblemError: 428 where the header is missing, 422 where it holds anything but one of our ETags.
    """
    condition = header(scope, b"if-match")
    if condition is None:
        raise ProblemError(
            428,
            "Say which version you have seen: send its ETag as If-Match, or * for whichever there is.",
            "version-required",
            [{"header": "If-Match", "detail": "It is missing."}],
        )
    if condition.strip() == b"*":
        return None
    match = _IF_MATCH.fullmatch(condition.strip())
    if match is None:
        raise ProblemError(
            422,
            'If-Match takes one ETag as it was sent to you, such as "3.89abcdef", or *.',
            "invalid-request",
            [{"header": "If-Match", "detail": "It is not an ETag of this service."}],
        )
    return int(match["version"])
