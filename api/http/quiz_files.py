"""GIFT texts that quizzes are made of, as a client sends them, and what they are told of them."""

import asyncio
from typing import Any, Final

from litestar import Request
from pydantic import ValidationError

from api.gift.questions import MAX_DEFECTS, GiftQuiz, read_quiz
from api.http.bodies import check_media_type
from api.http.problems import ProblemError
from api.models.quizzes import ImportedQuestion, LeftOutQuestion, NewQuiz
from api.wording import plural

TEXT: Final = "text/plain"


def settings_of(title: str, week_number: int | None) -> NewQuiz:
    """The quiz to be made. Raises ProblemError 422 with the parameter that is refused."""
    try:
        return NewQuiz(title=title, week_number=week_number)
    except ValidationError as error:
        errors = [
            {"parameter": str(found["loc"][0]), "detail": found["msg"]}
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        detail = "; ".join(f"{found['parameter']}: {found['detail']}" for found in errors)
        raise ProblemError(422, detail, "invalid-request", errors) from None


async def receive_text(request: Request[Any, Any, Any]) -> bytes:
    """The body of a request, which must be text. Raises ProblemError 415, and Litestar's own for 413."""
    check_media_type(request, TEXT)
    return await request.body()


async def read_text(content: bytes, *, skip_unsupported: bool, keep_order: bool) -> GiftQuiz:
    """The questions of a text, read in a thread, their options as written or mixed. There is at least one.

    Raises ProblemError 422 for a text with defects, with nothing that can be asked, or with something that cannot be
    and is not to be skipped.
    """
    quiz = await asyncio.to_thread(read_quiz, content, keep_order=keep_order)
    unsupported = quiz.unsupported
    if not quiz.defects and quiz.questions and (skip_unsupported or not unsupported):
        return quiz
    errors = [(each.place, each.detail) for each in quiz.defects]
    if not skip_unsupported or not quiz.questions:
        errors += [(each.place, f"{each.detail} ({each.kind})") for each in unsupported]
    told = [
        {"line": place.line, "character": place.character, "detail": detail}
        for place, detail in sorted(errors)
    ]
    raise ProblemError(
        422,
        _summary(quiz, len(told)),
        "defective-file" if quiz.defects else "unsupported-questions",
        told[:MAX_DEFECTS],
    )


def imported(quiz: GiftQuiz) -> list[ImportedQuestion]:
    """Where the questions stood."""
    return [
        ImportedQuestion.model_validate(
            {
                "line": each.place.line,
                "id": each.question["id"],
                "type": each.question["type"],
                "title": each.title,
                "format": each.format,
            }
        )
        for each in quiz.questions
    ]


def left_out(quiz: GiftQuiz) -> list[LeftOutQuestion]:
    """What is not imported."""
    return [
        LeftOutQuestion(line=each.place.line, kind=each.kind, detail=each.detail) for each in quiz.left_out
    ]


def _summary(quiz: GiftQuiz, number: int) -> str:
    more = f" The first {MAX_DEFECTS:,} are named." if number > MAX_DEFECTS else ""
    if quiz.defects:
        return f"{plural(min(number, MAX_DEFECTS), 'place')} to mend, so nothing was imported.{more}"
    if not quiz.questions:
        return f"There is no question here that a quiz can ask, so nothing was imported.{more}"
    return (
        f"{plural(number, 'question')} cannot be asked here, so nothing was imported. With skip_unsupported=true the "
        f"others are.{more}"
    )
