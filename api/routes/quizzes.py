"""/courses/{course_id}/quizzes and /quizzes: how and when quizzes are taken, their questions and keys.

Questions and key are saved together, and both are for teachers alone. A student is shown questions with an attempt.
"""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, etag, gone, listed, shown
from api.http.idempotency import once, once_whole, rehearsed
from api.http.openapi import TakesGift, problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.quiz_files import imported, left_out, read_text, receive_text, settings_of
from api.http.service import actor_of, database_of
from api.models.quizzes import (
    NewQuiz,
    NewQuizVersion,
    Quiz,
    QuizImport,
    QuizPage,
    QuizPatch,
    QuizQuestions,
    SavedQuestions,
)
from api.repositories import courses, quizzes


@get("/courses/{course_id:str}/quizzes", tags=["quizzes"], responses=problems(401, 404))
async def list_quizzes(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[QuizPage]:
    """The quizzes of a course, oldest entry first; drafts for its teacher alone. 404: no such course for you."""
    found = await quizzes.list_quizzes(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)


@post("/courses/{course_id:str}/quizzes", tags=["quizzes"], responses=problems(400, 401, 404, 413, 415))
async def create_quiz(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: Sent[NewQuiz]
) -> Document[Quiz]:
    """Make a quiz, a draft without questions, of a course that you teach. 404: no such course for you to teach."""

    async def work(db: Database) -> Document[Quiz]:
        made = await quizzes.create_quiz(db, actor=actor_of(request), course_id=course_id, quiz=data)
        return created(made, "/quizzes")

    return await once(request, work)


QuizTitle = Annotated[
    str, QueryParameter(min_length=1, max_length=200, description="What the quiz is called.")
]
QuizWeek = Annotated[
    int | None,
    QueryParameter(ge=1, le=53, description="The week that it asks about; none for the whole course."),
]
DryRun = Annotated[
    bool,
    QueryParameter(description="Say what would be asked, or what is wrong with the text, and do nothing."),
]
SkipUnsupported = Annotated[
    bool, QueryParameter(description="Leave out what a quiz cannot ask, instead of refusing the text.")
]
KeepOrder = Annotated[
    bool,
    QueryParameter(
        description="Offer the options of a choice in the order of the text, where many authors write the right one "
        "first; otherwise they are mixed once, the same way each time."
    ),
]


@post(
    "/courses/{course_id:str}/quizzes/import",
    tags=["quizzes"],
    operation_class=TakesGift,
    responses={
        200: ResponseSpec(QuizImport, generate_examples=False, description="What a dry run would make."),
        **problems(401, 404, 413, 415),
    },
)
async def import_quiz(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    title: QuizTitle,
    week_number: QuizWeek = None,
    dry_run: DryRun = False,
    skip_unsupported: SkipUnsupported = False,
    keep_order: KeepOrder = False,
) -> Document[QuizImport]:
    """Make a quiz, a draft, of all questions of a text in Moodle's GIFT format, or none.

    422: `errors` names each place that is wrong, by line and character, and each question that a quiz cannot ask; with
    skip_unsupported those are left out. Titles and categories are told, and not kept. Texts in HTML and Markdown stay
    as they are. Options of a choice are mixed, unless `keep_order` says otherwise: an "All of these" may then stand
    first. 404: no such course for you to teach.
    """
    actor = actor_of(request)
    # Nobody makes the service read a text who may not import it.
    await courses.read_taught_course(database_of(request), actor=actor, course_id=course_id)
    settings = settings_of(title, week_number)
    text = await receive_text(request)
    found = await read_text(text, skip_unsupported=skip_unsupported, keep_order=keep_order)

    async def work(db: Database) -> Document[QuizImport]:
        made = await quizzes.create_quiz(db, actor=actor, course_id=course_id, quiz=settings)
        saved = await quizzes.import_questions(
            db,
            actor=actor,
            quiz_id=made.id,
            asked=found.version(),
            imported=imported(found),
            left_out=left_out(found),
            dry_run=dry_run,
        )
        if dry_run:
            return Document(saved.document)
        location = f"/quizzes/{made.id}".encode()
        headers = [(b"location", location), (b"etag", etag(saved.document, saved.version))]
        return Document(saved.document, status_code=201, headers=headers)

    return await (rehearsed if dry_run else once_whole)(request, work)


@get("/quizzes/{quiz_id:str}", tags=["quizzes"], responses=problems(401, 404))
async def read_quiz(request: Request[Any, Any, Any], quiz_id: FromPath[UUID]) -> Document[Quiz]:
    """One quiz, without its questions. 404: no such quiz for you; a draft is there for its teacher alone."""
    return shown(
        request.scope,
        await quizzes.read_quiz(database_of(request), actor=actor_of(request), quiz_id=quiz_id),
    )


@patch(
    "/quizzes/{quiz_id:str}",
    tags=["quizzes"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_quiz(
    request: Request[Any, Any, Any], quiz_id: FromPath[UUID], data: SentPatch[QuizPatch]
) -> Document[Quiz]:
    """Change how and when a quiz is taken; publish or close it.

    409: it has no questions yet, or students have taken it, and it would be a draft again.
    """
    return changed(
        await quizzes.update_quiz(
            database_of(request),
            actor=actor_of(request),
            quiz_id=quiz_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@delete("/quizzes/{quiz_id:str}", tags=["quizzes"], responses=problems(401, 404, 409, 412, 428))
async def delete_quiz(request: Request[Any, Any, Any], quiz_id: FromPath[UUID]) -> Document[None]:
    """Delete a quiz with its questions. 404: no such quiz for you to delete. 409: it was taken already."""
    await quizzes.delete_quiz(
        database_of(request),
        actor=actor_of(request),
        quiz_id=quiz_id,
        version=expected_version(request.scope),
    )
    return gone()


@get("/quizzes/{quiz_id:str}/questions", tags=["quizzes"], responses=problems(401, 404))
async def read_questions(request: Request[Any, Any, Any], quiz_id: FromPath[UUID]) -> Document[QuizQuestions]:
    """The present questions of a quiz, and what is right. 404: no such quiz for you to teach."""
    return shown(
        request.scope,
        await quizzes.read_questions(database_of(request), actor=actor_of(request), quiz_id=quiz_id),
    )


@put(
    "/quizzes/{quiz_id:str}/questions",
    tags=["quizzes"],
    responses=problems(400, 401, 404, 412, 413, 415, 428),
)
async def put_questions(
    request: Request[Any, Any, Any], quiz_id: FromPath[UUID], data: Sent[NewQuizVersion]
) -> Document[SavedQuestions]:
    """Save questions and their key, both or neither, in place of those before. Attempts keep what they were begun on.

    404: no such quiz for you to change.
    """
    return changed(
        await quizzes.put_questions(
            database_of(request),
            actor=actor_of(request),
            quiz_id=quiz_id,
            version=expected_version(request.scope),
            asked=data,
        )
    )
