"""`create_app(settings)`: the only place where the parts meet."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)
from tenacity.stop import stop_base, stop_never

from api.database.pool import UNAVAILABLE, UNREACHABLE, open_pool
from api.database.roles import SERVICE_ROLE
from api.http.authentication import check_request
from api.http.bodies import StrictBodies, StrictRequest
from api.http.openapi import openapi_config
from api.http.problems import problem_response
from api.http.service import Service, note_session
from api.roles import check_role
from api.routes import (
    account_tokens,
    answer_keys,
    attempts,
    audit_events,
    auth,
    courses,
    dashboards,
    deliveries,
    documentation,
    enrollments,
    files,
    grades,
    health,
    invitation,
    materials,
    performance,
    quizzes,
    regrades,
    syllabus_weeks,
    terms,
    users,
)
from api.settings import Settings
from api.storage.store import check_folder

logger = logging.getLogger(__name__)

ROUTES: list[Any] = [
    auth.login,
    auth.logout,
    auth.read_me,
    auth.change_password,
    users.list_users,
    users.create_user,
    users.read_user,
    users.update_user,
    users.set_password,
    users.read_settings,
    users.update_settings,
    terms.list_terms,
    terms.create_term,
    terms.read_term,
    terms.update_term,
    terms.delete_term,
    courses.list_courses,
    courses.create_course,
    courses.read_course,
    courses.update_course,
    courses.delete_course,
    syllabus_weeks.read_syllabus,
    syllabus_weeks.put_syllabus,
    syllabus_weeks.put_syllabus_week,
    syllabus_weeks.delete_syllabus_week,
    materials.list_materials,
    materials.create_material,
    materials.put_crawled_material,
    materials.read_material,
    materials.update_material,
    materials.delete_material,
    files.create_file,
    files.read_file,
    quizzes.list_quizzes,
    quizzes.create_quiz,
    quizzes.import_quiz,
    quizzes.read_quiz,
    quizzes.update_quiz,
    quizzes.delete_quiz,
    quizzes.read_questions,
    quizzes.put_questions,
    attempts.list_attempts,
    attempts.start_attempt,
    attempts.read_attempt,
    attempts.update_attempt,
    attempts.submit_attempt,
    performance.list_performance,
    dashboards.read_student_dashboard,
    dashboards.read_course_dashboard,
    dashboards.list_at_risk,
    dashboards.list_gradebook,
    answer_keys.read_answer_key,
    answer_keys.put_answer_key,
    regrades.create_regrade,
    regrades.read_regrade,
    grades.read_grade,
    grades.put_grade,
    enrollments.list_enrollments,
    enrollments.enroll_student,
    enrollments.read_enrollment,
    enrollments.update_enrollment,
    enrollments.list_enrollments_by_student,
    deliveries.read_delivery,
    audit_events.list_audit_events,
    health.read_live,
    health.read_ready,
    documentation.read_documentation,
    documentation.read_documentation_asset,
    account_tokens.redeem_account_token,
    invitation.read_invitation,
    invitation.read_invitation_asset,
]

PATIENCE = 3.0
"""Seconds that start-up waits for the database before it goes on without, answering 503 until it is there."""

NOTE_INTERVAL = 60.0
"""Seconds between two notes of which sessions were used."""


def create_app(settings: Settings | None = None) -> Litestar:
    """The service as an ASGI application. Without settings, those of the environment.

    Raises StorageError where they name a store of files that cannot be used.
    """
    service = Service(settings or Settings())
    return Litestar(
        [
            *ROUTES,
            # A CSV file has a limit of its own.
            Router(
                "/",
                route_handlers=[enrollments.import_enrollments],
                request_max_body_size=service.settings.import_limit,
            ),
        ],
        state=State({"service": service}, deep_copy=False),
        lifespan=[_serve],
        before_request=check_request,
        after_response=note_session,
        request_class=StrictRequest,
        request_max_body_size=service.settings.body_limit,
        plugins=[StrictBodies()],
        exception_handlers={Exception: problem_response},
        openapi_config=openapi_config(),
        logging_config=None,
    )


@asynccontextmanager
async def _serve(app: Litestar) -> AsyncIterator[None]:
    service: Service = app.state.service
    if (complaint := check_folder(service.store)) is not None:
        logger.warning(complaint)
    connecting: asyncio.Task[None] | None = None
    try:
        await _connect(service, stop_after_delay(PATIENCE))
    except UNREACHABLE:
        connecting = asyncio.create_task(_connect_at_last(service))
    upkeep = asyncio.create_task(_keep_up(service))
    try:
        yield
    finally:
        for task in (connecting, upkeep):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await service.stop()


async def _connect(service: Service, stop: stop_base) -> None:
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(UNREACHABLE),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop,
        before_sleep=before_sleep_log(logger, logging.WARNING),
        reraise=True,
    ):
        with attempt:
            pool = await open_pool(service.settings)
            try:
                await check_role(pool, part="The service", variable="LMS_DATABASE_URL", role=SERVICE_ROLE)
                await service.start(pool)
            except BaseException:
                await pool.close()
                raise


async def _connect_at_last(service: Service) -> None:
    try:
        await _connect(service, stop_never)
    except Exception:
        # Nothing that waiting mends: a wrong password, no such database, a role that must not serve.
        logger.critical("cannot serve from this database", exc_info=True)
        os.kill(os.getpid(), signal.SIGTERM)


async def _keep_up(service: Service) -> None:
    """Note the sessions used, and once an hour forget what is past its time."""
    rounds = 0
    while True:
        await asyncio.sleep(NOTE_INTERVAL)
        rounds += 1
        try:
            await service.note_sessions()
            if rounds % 60 == 0:
                await service.forget()
        except UNAVAILABLE as error:
            logger.warning("upkeep has to wait: %s", type(error).__name__)
