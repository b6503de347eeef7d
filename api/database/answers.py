"""What a client is told when a rule of the database refuses: `<status> [/pointer] <sentence>`.

The same form stands in the comment of every constraint and, where that does not fit, in the `fails` line of a
query file. Status, pointer and sentence are all that ever reaches a client.
"""

import re
from dataclasses import dataclass

_ANSWER = re.compile(r"(?P<status>[45]\d\d)(?: (?P<pointer>/[a-z_/]+))? (?P<sentence>[A-Z].*[.])")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the JSON pointer of the field to blame if there is one, and a sentence for a person."""

    status: int
    pointer: str | None
    sentence: str


def parse_answer(text: str) -> Answer:
    """Read the form above. Raises ValueError where the text has another."""
    match = _ANSWER.fullmatch(text)
    if match is None:
        raise ValueError(f"expected '<status> [/pointer] <Sentence.>', found: {text}")
    return Answer(int(match["status"]), match["pointer"], match["sentence"])
