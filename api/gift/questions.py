"""The questions of a GIFT text as this service asks them, with their key; and what it cannot ask, told by its line.

    multiple answers, one of them behind =     single_choice
    multiple answers, all behind ~             multiple_choice, where the weights are those of this service: the right
                                               ones share 100 %, each wrong one takes away the share of a right one
    one or more answers, all behind =          short_answer, in any case, as in Moodle
    {T}, {F}, {TRUE}, {FALSE}                  true_false
    {#…}                                       numeric: one number with a tolerance, or one range
    {=… -> …}                                  matching, its options by alphabet, since their order would tell
    {}                                         essay

Moodle mixes the options of a choice for each student, so many authors write the right one first. Here they are mixed
once, the same way each time, unless their order is to be kept.

Each is worth one point. A question that goes on behind its answers has `_____` in their place. Feedback to all answers
is shown together, as the explanation. Titles and formats are told, and not kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from pydantic import ValidationError

from api.gift.grammar import (
    Answer,
    Asked,
    Body,
    Category,
    Choices,
    Description,
    Essay,
    Interval,
    Matching,
    Numbers,
    NumericAnswer,
    Spellings,
    Text,
    TrueFalse,
    read_items,
)
from api.gift.lines import Defect, Place
from api.models.quizzes import MAX_QUESTIONS, NewQuizVersion

LeftOutKind = Literal["category", "description", "weights", "several_right", "wildcard"]

_WHY: Final[dict[LeftOutKind, str]] = {
    "category": "A quiz has no categories.",
    "description": "A text without a question: a quiz has none.",
    "weights": "These weights cannot be kept: a choice is right or wrong, and of several right ones each counts "
    "the same, and each wrong one as much against them.",
    "several_right": "Each of several answers is right by itself, which this kind of question cannot have here.",
    "wildcard": "A * stands for any text in Moodle, and for itself here.",
}
MAX_DEFECTS: Final = 1_000
"""Defects after which no more are looked for."""
_MOST_ITEMS: Final = 1_000
"""Questions, descriptions and categories that are read, whatever becomes of them."""
_FULL: Final = 100.0
_SLACK: Final = 1.0
"""Percent that the weights of right answers may miss: three times 33 or 33.333 are all."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was understood, and that this service cannot ask."""

    place: Place
    kind: LeftOutKind

    @property
    def detail(self) -> str:
        """Why, in a sentence."""
        return _WHY[self.kind]


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its key, and how the text had them."""

    place: Place
    title: str | None
    format: str
    question: dict[str, Any]
    key: dict[str, Any]


@dataclass(slots=True)
class GiftQuiz:
    """What a text holds: questions, what is left out, and what is wrong with it."""

    questions: list[Question] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)

    @property
    def unsupported(self) -> list[LeftOut]:
        """What is left out of what students would see. A category is none of it."""
        return [each for each in self.left_out if each.kind != "category"]

    def version(self) -> NewQuizVersion:
        """Questions and key as a client would send them; there is at least one, and no defect."""
        return _version(self.questions)


def read_quiz(content: bytes, *, keep_order: bool = False) -> GiftQuiz:
    """The questions of a GIFT text in UTF-8, each of which this service would take; options as written, if wanted."""
    quiz = GiftQuiz()
    asked = False
    for number, item in enumerate(read_items(content, quiz.defects), start=1):
        if len(quiz.defects) > MAX_DEFECTS:
            break
        if number > _MOST_ITEMS:
            quiz.defects.append(
                Defect(
                    item.place, f"A text has at most {_MOST_ITEMS:,} questions, descriptions and categories."
                )
            )
            break
        if isinstance(item, Category):
            quiz.left_out.append(LeftOut(item.place, "category"))
            continue
        asked = True
        found = _converted(item, f"q{len(quiz.questions) + 1}", keep_order=keep_order)
        if isinstance(found, LeftOut):
            quiz.left_out.append(found)
        elif defect := _defect(found):
            quiz.defects.append(defect)
        else:
            quiz.questions.append(found)
            if len(quiz.questions) == MAX_QUESTIONS + 1:
                quiz.defects.append(Defect(item.place, f"A quiz has at most {MAX_QUESTIONS} questions."))
                break
    if not asked and not quiz.defects:
        quiz.defects.append(Defect(Place(1, 1), "There is no question in this text."))
    quiz.defects.sort()
    return quiz


def _converted(item: Asked, question_id: str, *, keep_order: bool) -> Question | LeftOut:
    body = item.body
    if isinstance(body, Choices) and not keep_order:
        body = _mixed(body, item.stem.text)
    form = _form(body)
    if isinstance(form, str):
        return LeftOut(item.place, form)
    explanation = "\n".join(_explanations(item))
    return Question(
        item.place,
        item.title,
        item.stem.format,
        {"id": question_id, "type": form.type, "prompt": item.stem.text, "points": 1, **form.question},
        {"type": form.type, **form.key} | ({"explanation": explanation} if explanation else {}),
    )


def _mixed(body: Choices, asked: str) -> Choices:
    """The answers in an order that tells nothing of them, and is the same each time."""
    return Choices(
        tuple(
            sorted(
                body.answers,
                key=lambda answer: sha256(f"{asked}\0{answer.text.text}".encode()).digest(),
            )
        )
    )


class _Form(NamedTuple):
    """What a type of question has besides what all have, and its key."""

    type: str
    question: dict[str, Any]
    key: dict[str, Any]


def _form(body: Body) -> _Form | LeftOutKind:  # noqa: PLR0911 - one for each kind
    match body:
        case Description():
            return "description"
        case Essay():
            return _Form("essay", {}, {})
        case TrueFalse():
            return _Form("true_false", {}, {"correct": body.is_true})
        case Choices():
            return _choices(body)
        case Spellings():
            return _spellings(body)
        case Numbers():
            return _numeric(body)
        case Matching():
            return _matching(body)


def _choices(body: Choices) -> _Form | LeftOutKind:
    options = [
        {"id": f"o{place}", "text": each.text.text} for place, each in enumerate(body.answers, start=1)
    ]
    right = [option["id"] for option, each in zip(options, body.answers, strict=True) if _weight(each) > 0]
    weights = [_weight(each) for each in body.answers]
    if any(each.right for each in body.answers):
        if any(weight not in (0, _FULL) for weight in weights):
            return "weights"
        if len(right) != 1:
            return "several_right" if right else "weights"
        return _Form("single_choice", {"options": options}, {"correct": right[0]})
    # Where none is right, that is told as what is wrong with the question.
    share = _FULL / max(len(right), 1)
    if right and any(round(abs(abs(weight) - share) * len(right), 6) > _SLACK for weight in weights):
        return "weights"
    return _Form("multiple_choice", {"options": options}, {"correct": right})


def _weight(answer: Answer | NumericAnswer) -> float:
    """Percent that an answer is worth, said or not."""
    if answer.weight is not None:
        return answer.weight
    return _FULL if answer.right else 0.0


def _spellings(body: Spellings) -> _Form | LeftOutKind:
    if any(_weight(each) != _FULL for each in body.answers):
        return "weights"
    # Behind a backslash it is itself, in Moodle too.
    if any("*" in each.text.text.replace(r"\*", "") for each in body.answers):
        return "wildcard"
    return _Form(
        "short_answer", {}, {"accepted": [each.text.text.replace(r"\*", "*") for each in body.answers]}
    )


def _numeric(body: Numbers) -> _Form | LeftOutKind:
    """One number is right. Others may be there for their feedback, as long as they take nothing of it away."""
    if any(_weight(each) not in (0, _FULL) for each in body.answers):
        return "weights"
    right = [each.number for each in body.answers if _weight(each) == _FULL]
    if len(right) != 1 or right[0] is None:
        return "several_right" if right else "weights"
    number = right[0]
    for each in body.answers:
        other = each.number
        if _weight(each) == 0 and other and other.low <= number.high and number.low <= other.high:
            return "weights"
    if number.value is None:
        return _Form("numeric", {}, {"minimum": number.low, "maximum": number.high})
    tolerance = {"absolute_tolerance": number.tolerance} if number.tolerance else {}
    return _Form("numeric", {}, {"value": number.value} | tolerance)


def _matching(body: Matching) -> _Form:
    partners = sorted(
        {pair.partner for pair in body.pairs}, key=lambda partner: (partner.casefold(), partner)
    )
    options = [{"id": f"o{place}", "text": text} for place, text in enumerate(partners, start=1)]
    ids = {option["text"]: option["id"] for option in options}
    pairs = [pair for pair in body.pairs if pair.stem.text]
    stems = [{"id": f"s{place}", "text": pair.stem.text} for place, pair in enumerate(pairs, start=1)]
    correct = {stem["id"]: ids[pair.partner] for stem, pair in zip(stems, pairs, strict=True)}
    return _Form("matching", {"stems": stems, "options": options}, {"correct": correct})


def _explanations(item: Asked) -> Iterable[str]:
    """The general feedback, and that to each answer behind the answer."""
    if item.general_feedback:
        yield item.general_feedback.text
    match item.body:
        case TrueFalse(feedback=feedback):
            yield from (each.text for each in feedback if each)
        case Choices(answers=answers) | Spellings(answers=answers):
            for answer in answers:
                if answer.feedback:
                    yield f"{answer.text.text}: {answer.feedback.text}"
        case Numbers(answers=numbers):
            for number in numbers:
                if number.feedback:
                    yield _labelled(number.number, number.feedback)
        case _:
            pass


def _labelled(number: Interval | None, feedback: Text) -> str:
    if number is None:
        return feedback.text
    if number.value is None:
        return f"{_digits(number.low)} to {_digits(number.high)}: {feedback.text}"
    return f"{_digits(number.value)}: {feedback.text}"


def _digits(number: float) -> str:
    return repr(number).removesuffix(".0")


def _version(questions: list[Question]) -> NewQuizVersion:
    return NewQuizVersion.model_validate(
        {
            "questions": [each.question for each in questions],
            "key": {each.question["id"]: each.key for each in questions},
        }
    )


def _defect(question: Question) -> Defect | None:
    """What keeps a question from being taken, in a sentence."""
    document, key = question.question, question.key
    for name, what in (("options", "answers"), ("stems", "pairs")):
        texts = [each["text"] for each in document.get(name, [])]
        if name in document and len(texts) < 2:  # noqa: PLR2004
            return Defect(question.place, f"A question of this kind needs at least two {what}.")
        if any(first == second for first, second in pairwise(sorted(texts))):
            return Defect(question.place, f"Two {what} have the same text.")
    if key.get("correct") == []:
        return Defect(question.place, "None of the answers is right.")
    try:
        _version([question])
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[0]
        names = [step for step in found["loc"] if isinstance(step, str) and step != document["id"]]
        return Defect(question.place, f"{names[-1]}: {found['msg'].removesuffix('.')}.")
    return None
