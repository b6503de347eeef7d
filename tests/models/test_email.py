"""The one form of an e-mail address."""

import sys
import unicodedata
from email.utils import formataddr

import pytest
from pydantic import TypeAdapter, ValidationError

from api.models.email import MAX_LENGTH, Email, canonical
from tests.http.defects import WRONG_BY_NAME

pytestmark = pytest.mark.once

SPELLINGS = {
    "lena.vogel@school.example": [
        "Lena.Vogel@School.Example",
        "LENA.VOGEL@SCHOOL.EXAMPLE",
        " lena.vogel@school.example",
        "\tlena.vogel@school.example \n",
        "lena.vogel@\uff53\uff43\uff48\uff4f\uff4f\uff4c.example",
        "lena.vogel@school\u3002example",
    ],
    "j\u00f6rg@school.example": [
        "J\u00d6RG@school.example",
        "jo\u0308rg@school.example",
        "JO\u0308RG@school.example",
        "J\u00f6rg@SCHOOL.example",
    ],
    "lena@xn--bcher-kva.example": [
        "lena@b\u00fccher.example",
        "lena@B\u00dcCHER.example",
        "lena@bu\u0308cher.example",
        "Lena@XN--BCHER-KVA.example",
        "lena@Xn--bcher-KVA.EXAMPLE",
    ],
    "\u03bd\u03af\u03ba\u03bf\u03c2@xn--hxajbheg2az3al.example": [
        "\u039d\u038a\u039a\u039f\u03a3@\u03c0\u03b1\u03c1\u03ac\u03b4\u03b5\u03b9\u03b3\u03bc\u03b1.example",
        "\u039d\u0399\u0301\u039a\u039f\u03a3@\u03a0\u0391\u03a1\u0386\u0394\u0395\u0399\u0393\u039c\u0391.example",
    ],
    "\u738b\u5c0f\u660e@xn--fsqu00a.example": ["\u738b\u5c0f\u660e@\u4f8b\u5b50.example"],
    "first+tag@school.example": ["First+Tag@school.example"],
    "o'neil_x%y@school.example": ["O'Neil_X%Y@school.example"],
}
"""Canonical forms, each with other spellings of the same address."""

DIFFERENT = [
    ("lena@school.example", "l.ena@school.example"),
    ("lena@school.example", "lena+1@school.example"),
    ("lena@stra\u00dfe.example", "lena@strasse.example"),
    ("gau\u00df@school.example", "gauss@school.example"),
    ("lena@school.example", "lena@sch\u043eol.example"),
    ("lena@school.example", "l\u0435na@school.example"),
    ("lena@school.example", "lena@mail.school.example"),
]
"""Addresses that look alike and lead to different people."""


@pytest.mark.parametrize("address", SPELLINGS)
def test_all_spellings_of_an_address_have_one_form(address: str) -> None:
    assert {canonical(spelt) for spelt in (address, *SPELLINGS[address])} == {address}


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=ascii)
def test_different_addresses_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_every_letter_is_found_in_either_case_composed_or_not_and_has_one_form() -> None:
    tried = 0
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        capital = letter.upper()
        if letter == capital or len(capital) > 1 or capital.lower() != letter:
            continue  # no case; or several letters of one capital, such as the two of sigma
        tried += 1
        address = canonical(f"x{letter}x@school.example")
        assert canonical(f"x{capital}x@school.example") == address, ascii(letter)
        assert canonical(unicodedata.normalize("NFD", f"x{capital}x@school.example")) == address, ascii(
            letter
        )
        assert canonical(address) == address
    assert tried > 1_300


@pytest.mark.parametrize("address", WRONG_BY_NAME["email"], ids=ascii)
def test_what_is_no_address_is_refused_with_a_reason(address: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical(address)


def test_an_address_with_a_name_around_it_is_none() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical(formataddr(("Lena Vogel", "lena@school.example")))


def test_an_address_is_as_long_as_mail_servers_take_it() -> None:
    domain = ".".join(["x" * 60] * 3) + ".example"
    longest = "l" * (MAX_LENGTH - len(domain) - 1) + "@" + domain
    assert (len(longest), canonical(longest)) == (254, longest)
    with pytest.raises(ValueError, match=r"too long|more than 254"):
        canonical("l" + longest)


def test_a_domain_is_measured_in_the_form_that_is_kept() -> None:
    domain = ".".join(["\u00fc" + "x" * 50] * 4) + ".example"
    address = "l" * 24 + "@" + domain
    assert len(address) < MAX_LENGTH
    with pytest.raises(ValueError, match=r"too long|more than 254"):
        canonical(address)


def test_a_field_takes_the_canonical_form_and_tells_why_it_refuses() -> None:
    field = TypeAdapter(Email)
    assert field.validate_json('" Lena@School.Example "') == "lena@school.example"
    with pytest.raises(ValidationError) as refused:
        field.validate_json('"lena@school"')
    (error,) = refused.value.errors()
    assert (error["type"], error["msg"]) == (
        "email",
        "The part after the @-sign is not valid. It should have a period.",
    )


def test_a_local_part_has_at_most_64_characters() -> None:
    # RFC 5321, section 4.5.3.1.1
    assert canonical("a" * 64 + "@school.example")
    with pytest.raises(ValueError, match="too long before the @-sign"):
        canonical("a" * 65 + "@school.example")
