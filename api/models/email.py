"""E-mail addresses: the one form in which they are stored and compared.

`canonical` is the only canonicaliser: an account is found by what it makes of an address, so two spellings of one
address are one account.
"""

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

MAX_LENGTH = 254
"""Characters of an address that a mail server takes (RFC 5321, section 4.5.3.1.3)."""


def canonical(address: str) -> str:
    """An address in lower case and NFC, its domain in ASCII (IDNA 2008, as A-labels).

    Whether anybody reads mail there is not asked. Names that never lead anywhere (`.invalid`, `localhost`) are
    refused, `.example` is not.

    Raises:
        ValueError: it is no e-mail address. The message says what is wrong with it.
    """
    try:
        found = validate_email(address.strip(), check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    domain = (found.ascii_domain or found.domain).lower()
    email = unicodedata.normalize("NFC", f"{found.local_part.lower()}@{domain}")
    if len(email) > MAX_LENGTH:
        raise ValueError(f"The address has more than {MAX_LENGTH} characters.")
    return email


def _canonical_field(address: str) -> str:
    try:
        return canonical(address)
    except ValueError as error:
        raise PydanticCustomError("email", "{reason}", {"reason": str(error)}) from None


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=MAX_LENGTH),
    AfterValidator(_canonical_field),
    Field(
        description="An e-mail address, such as lena.vogel@example.edu; kept in lower case, its domain in ASCII."
    ),
]
