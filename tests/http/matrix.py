"""Who may do what: for every route, what each kind of principal is answered.

The table is the specification. A cell holds the status of the principal's request with an id around the course
that `lecturer` teaches and `student` is on, with one of `other_lecturer`'s side, and with one that nothing has;
a single value stands for all three. For a list it also holds how many items are shown. Whoever is not let in at
all (`LOCKED_OUT`) is answered 401 everywhere.

`{user_id=lecturer_id}` fills a parameter with another id of the same side, `{user_id=@newcomer}` with that of a
person, `{own.course_id}` with lecturer's whoever asks. `<lecturer_id>` puts an id into the body, and
`<state=active>` a value.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx

from tests.http.marks import ATTENDS, SIDES, hidden
from tests.http.tables import Tables, touched
from tests.sql.questions import quiz
from tests.support.school import PASSWORD, School, address_of

LOCKED_OUT = ("nobody", "unknown_token", "expired", "idle", "revoked", "disabled")
LET_IN = (
    "student",
    "classmate",
    "other_student",
    "dropped_student",
    "invited_student",
    "lecturer",
    "other_lecturer",
    "super_admin",
)
WHOSE = ("own", "foreign", "absent")

TABLE = """
                                                    student      classmate    other_student  dropped_student invited_student  lecturer     other_lecturer  super_admin
POST   /auth/logout                                 204          204          204            204          204          204          204          204
POST   /auth/password                               204          204          204            204          422          204          204          204
GET    /auth/me                                     200          200          200            200          200          200          200          200

GET    /users                                       404          404          404            404          404          404          404          200/15
GET    /users?count=true                            404          404          404            404          404          404          404          200/15
GET    /users?role=student                          404          404          404            404          404          404          404          200/8
GET    /users?name=other                            404          404          404            404          404          404          404          200/2
GET    /users?name=other&role=student               404          404          404            404          404          404          404          200/1
GET    /users?name=other&role=lecturer              404          404          404            404          404          404          404          200/1
GET    /users?name=other&role=super_admin           404          404          404            404          404          404          404          200/0
GET    /users?email=other                           404          404          404            404          404          404          404          200/2
GET    /users?email=other&role=student              404          404          404            404          404          404          404          200/1
GET    /users?email=other&role=lecturer             404          404          404            404          404          404          404          200/1
GET    /users?email=other&role=super_admin          404          404          404            404          404          404          404          200/0
POST   /users                                       404          404          404            404          404          404          404          201
GET    /users/{user_id}                             200,404,404  404          404,200,404    404          404          404          404          200,200,404
GET    /users/{user_id=lecturer_id}                 404          404          404            404          404          200,404,404  404,200,404  200,200,404
PATCH  /users/{user_id}                             200,404,404  404          404,200,404    404          404          404          404          200,200,404
PATCH  /users/{user_id} <email=new@school.example>  422,404,404  404          404,422,404    404          404          404          404          200,200,404
PATCH  /users/{user_id} <role=super_admin>          422,404,404  404          404,422,404    404          404          404          404          409,409,404
PATCH  /users/{user_id} <role=student>              422,404,404  404          404,422,404    404          404          404          404          200,200,404
PATCH  /users/{user_id} <active=true>               422,404,404  404          404,422,404    404          404          404          404          200,200,404
PATCH  /users/{user_id} <active=false>              422,404,404  404          404,422,404    404          404          404          404          200,200,404
PATCH  /users/{user_id=lecturer_id} <role=super_admin>  404      404          404            404          404          422,404,404  404,422,404  409,409,404
PATCH  /users/{user_id=@newcomer} <role=lecturer>   404          404          404            404          404          404          404          200
PATCH  /users/{user_id=@closed_student} <active=true>  404       404          404            404          404          404          404          200
PATCH  /users/{user_id=@super_admin} <role=student> 404          404          404            404          404          404          404          422
PATCH  /users/{user_id=@super_admin} <active=false> 404          404          404            404          404          404          404          422
PUT    /users/{user_id}/password                    404          404          404            404          404          404          404          204,204,404
PUT    /users/{user_id=@super_admin}/password       404          404          404            404          404          404          404          422
GET    /users/{user_id}/settings                    200,404,404  404          404,200,404    404          404          404          404          200,200,404
GET    /users/{user_id=lecturer_id}/settings        404          404          404            404          404          200,404,404  404,200,404  200,200,404
PATCH  /users/{user_id}/settings                    200,404,404  404          404,200,404    404          404          404          404          200,200,404

GET    /terms                                       200/1        200/1        200/1          200/1        200/1        200/1        200/1        200/1
GET    /terms?count=true                            200/1        200/1        200/1          200/1        200/1        200/1        200/1        200/1
POST   /terms                                       404          404          404            404          404          404          404          201
GET    /terms/{term_id}                             200,200,404  200,200,404  200,200,404    200,200,404  200,200,404  200,200,404  200,200,404  200,200,404
PATCH  /terms/{term_id}                             404          404          404            404          404          404          404          200,200,404
DELETE /terms/{term_id}                             404          404          404            404          404          404          404          409,409,404

GET    /courses                                     200/1        200/1        200/1          200/0        200/0        200/3        200/2        200/5
GET    /courses?count=true                          200/1        200/1        200/1          200/0        200/0        200/3        200/2        200/5
GET    /courses?term_id={term_id}                   200/1,200/1,200/0  200/1,200/1,200/0  200/1,200/1,200/0  200/0  200/0  200/3,200/3,200/0  200/2,200/2,200/0  200/5,200/5,200/0
GET    /courses?term_id={term_id}&count=true        200/1,200/1,200/0  200/1,200/1,200/0  200/1,200/1,200/0  200/0  200/0  200/3,200/3,200/0  200/2,200/2,200/0  200/5,200/5,200/0
GET    /courses?lecturer_id={lecturer_id}           200/1,200/0,200/0  200/1,200/0,200/0  200/0,200/1,200/0  200/0  200/0  200/3,200/0,200/0  200/0,200/2,200/0  200/3,200/2,200/0
GET    /courses?lecturer_id={lecturer_id}&term_id={own.term_id}  200/1,200/0,200/0  200/1,200/0,200/0  200/0,200/1,200/0  200/0  200/0  200/3,200/0,200/0  200/0,200/2,200/0  200/3,200/2,200/0
POST   /courses                                     404          404          404            404          404          201          201          422
POST   /courses <lecturer_id>                       404          404          404            404          404          201,422,422  422,201,422  201,201,422
GET    /courses/{course_id}                         200,404,404  200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /courses/{course_id=own.draft_course_id}     404          404          404            404          404          200          404          200
PATCH  /courses/{course_id}                         404          404          404            404          404          200,404,404  404,200,404  200,200,404
PATCH  /courses/{own.course_id} <lecturer_id>       404          404          404            404          404          200,422,422  404          200,200,422
DELETE /courses/{course_id}                         404          404          404            404          404          409,404,404  404,409,404  409,409,404
DELETE /courses/{course_id=empty_course_id}         404          404          404            404          404          204,404,404  404,204,404  204,204,404

GET    /courses/{course_id}/syllabus                200,404,404  200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /courses/{course_id=own.draft_course_id}/syllabus  404    404          404            404          404          200          404          200
PUT    /courses/{course_id}/syllabus                404          404          404            404          404          200,404,404  404,200,404  200,200,404
PUT    /courses/{course_id}/syllabus/{week_number}  404          404          404            404          404          200,404,404  404,200,404  200,200,404
DELETE /courses/{course_id}/syllabus/{week_number}  404          404          404            404          404          200,404,404  404,200,404  200,200,404

GET    /courses/{course_id}/materials               200/2,404,404  200/2,404,404  404,200/2,404  404      404          200/2,404,404  404,200/2,404  200/2,200/2,404
GET    /courses/{course_id}/materials?count=true    200/2,404,404  200/2,404,404  404,200/2,404  404      404          200/2,404,404  404,200/2,404  200/2,200/2,404
GET    /courses/{course_id}/materials?week_number=1  200/1,404,404  200/1,404,404  404,200/1,404  404     404          200/1,404,404  404,200/1,404  200/1,200/1,404
GET    /courses/{course_id}/materials?week_number=2  200/0,404,404  200/0,404,404  404,200/0,404  404     404          200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /courses/{course_id=own.draft_course_id}/materials  404   404          404            404          404          200/1        404          200/1
GET    /courses/{course_id=own.draft_course_id}/materials?week_number=1  404  404  404       404          404          200/1        404          200/1
POST   /courses/{course_id}/materials               404          404          404            404          404          201,404,404  404,201,404  201,201,404
PUT    /courses/{course_id}/materials/crawled       404          404          404            404          404          200,404,404  404,200,404  200,200,404
GET    /materials/{material_id}                     200,404,404  200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /materials/{material_id=own.draft_material_id}  404       404          404            404          404          200          404          200
PATCH  /materials/{material_id}                     404          404          404            404          404          200,404,404  404,200,404  200,200,404
DELETE /materials/{material_id}                     404          404          404            404          404          204,404,404  404,204,404  204,204,404
GET    /materials/{material_id=file_material_id}    200,404,404  200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
PATCH  /materials/{material_id=file_material_id}    404          404          404            404          404          200,404,404  404,200,404  200,200,404
POST   /courses/{course_id}/materials/files         404          404          404            404          404          201,404,404  404,201,404  201,201,404
GET    /materials/{material_id=file_material_id}/file  200,404,404  200,404,404  404,200,404  404         404          200,404,404  404,200,404  200,200,404
GET    /materials/{material_id}/file                404          404          404            404          404          404          404          404

GET    /courses/{course_id}/quizzes                 200/2,404,404  200/2,404,404  404,200/2,404  404      404          200/3,404,404  404,200/3,404  200/3,200/3,404
GET    /courses/{course_id}/quizzes?count=true      200/2,404,404  200/2,404,404  404,200/2,404  404      404          200/3,404,404  404,200/3,404  200/3,200/3,404
GET    /courses/{course_id=own.draft_course_id}/quizzes  404     404          404            404          404          200/1        404          200/1
POST   /courses/{course_id}/quizzes                 404          404          404            404          404          201,404,404  404,201,404  201,201,404
GET    /quizzes/{quiz_id}                           200,404,404  200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /quizzes/{quiz_id=draft_quiz_id}             404          404          404            404          404          200,404,404  404,200,404  200,200,404
GET    /quizzes/{quiz_id=own.hidden_quiz_id}        404          404          404            404          404          200          404          200
PATCH  /quizzes/{quiz_id}                           404          404          404            404          404          200,404,404  404,200,404  200,200,404
DELETE /quizzes/{quiz_id}                           404          404          404            404          404          204,404,404  404,204,404  204,204,404
GET    /quizzes/{quiz_id}/questions                 404          404          404            404          404          200,404,404  404,200,404  200,200,404
GET    /quizzes/{quiz_id=draft_quiz_id}/questions   404          404          404            404          404          200,404,404  404,200,404  200,200,404
PUT    /quizzes/{quiz_id}/questions                 404          404          404            404          404          200,404,404  404,200,404  200,200,404

GET    /quizzes/{quiz_id}/attempts                  200/0,404,404  200/0,404,404  404,200/0,404  404      404          200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /quizzes/{quiz_id=taken_quiz_id}/attempts    200/1,404,404  200/1,404,404  404,200/2,404  404      404          200/3,404,404  404,200/2,404  200/3,200/2,404
GET    /quizzes/{quiz_id=taken_quiz_id}/attempts?count=true  200/1,404,404  200/1,404,404  404,200/2,404  404  404     200/3,404,404  404,200/2,404  200/3,200/2,404
GET    /quizzes/{quiz_id=taken_quiz_id}/attempts?state=in_progress  200/1,404,404  200/0,404,404  404,200/1,404  404  404  200/2,404,404  404,200/1,404  200/2,200/1,404
GET    /quizzes/{quiz_id=taken_quiz_id}/attempts?state=submitted    200/0,404,404  200/0,404,404  404,200/0,404  404  404  200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /quizzes/{quiz_id=taken_quiz_id}/attempts?state=graded       200/0,404,404  200/1,404,404  404,200/1,404  404  404  200/1,404,404  404,200/1,404  200/1,200/1,404
GET    /quizzes/{quiz_id=draft_quiz_id}/attempts    404          404          404            404          404          200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /quizzes/{quiz_id=own.hidden_quiz_id}/attempts  404       404          404            404          404          200/0        404          200/0
POST   /quizzes/{quiz_id}/attempts                  201,404,404  201,404,404  404,201,404    404          404          404          404          404
POST   /quizzes/{quiz_id=taken_quiz_id}/attempts    200,404,404  409,404,404  404,200,404    404          404          404          404          404
POST   /quizzes/{quiz_id=draft_quiz_id}/attempts    404          404          404            404          404          404          404          404
POST   /quizzes/{quiz_id=own.hidden_quiz_id}/attempts  404       404          404            404          404          404          404          404
GET    /attempts/{attempt_id}                       200,404,404  404          404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /attempts/{attempt_id=graded_attempt_id}     404          200,404,404  404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /attempts/{attempt_id=own.dropped_attempt_id}  404        404          404            404          404          200          404          200
PATCH  /attempts/{attempt_id}                       200,404,404  404          404,200,404    404          404          404          404          404
PATCH  /attempts/{attempt_id=graded_attempt_id}     404          409,404,404  404,409,404    404          404          404          404          404
PATCH  /attempts/{attempt_id=own.dropped_attempt_id}  404        404          404            404          404          404          404          404
POST   /attempts/{attempt_id}/submit                200,404,404  404          404,200,404    404          404          404          404          404
POST   /attempts/{attempt_id=graded_attempt_id}/submit  404      200,404,404  404,200,404    404          404          404          404          404
POST   /attempts/{attempt_id=own.dropped_attempt_id}/submit  404  404         404            404          404          404          404          404
GET    /attempts/{attempt_id=graded_attempt_id}/grade  404       404          404            404          404          200,404,404  404,200,404  200,200,404
GET    /attempts/{attempt_id}/grade                 404          404          404            404          404          200,404,404  404,200,404  200,200,404
PUT    /attempts/{attempt_id=graded_attempt_id}/grade  404       404          404            404          404          200,404,404  404,200,404  200,200,404
PUT    /attempts/{attempt_id}/grade                 404          404          404            404          404          409,404,404  404,409,404  409,409,404
GET    /quizzes/{quiz_id}/versions/{version_number}/key  404     404          404            404          404          200,404,404  404,200,404  200,200,404
PUT    /quizzes/{quiz_id}/versions/{version_number}/key  404     404          404            404          404          200,404,404  404,200,404  200,200,404
POST   /quizzes/{quiz_id}/regrade                   404          404          404            404          404          202,404,404  404,202,404  202,202,404
GET    /regrades/{regrade_id}                       404          404          404            404          404          200,404,404  404,200,404  200,200,404

GET    /courses/{course_id}/enrollments             404          404          404            404          404          200/5,404,404  404,200/1,404  200/5,200/1,404
GET    /courses/{course_id}/enrollments?count=true  404          404          404            404          404          200/5,404,404  404,200/1,404  200/5,200/1,404
GET    /courses/{course_id}/enrollments?state=invited    404     404          404            404          404          200/1,404,404  404,200/0,404  200/1,200/0,404
GET    /courses/{course_id}/enrollments?state=active     404     404          404            404          404          200/2,404,404  404,200/1,404  200/2,200/1,404
GET    /courses/{course_id}/enrollments?state=completed  404     404          404            404          404          200/1,404,404  404,200/0,404  200/1,200/0,404
GET    /courses/{course_id}/enrollments?state=dropped    404     404          404            404          404          200/1,404,404  404,200/0,404  200/1,200/0,404
POST   /courses/{course_id}/enrollments             404          404          404            404          404          201,404,404  404,201,404  201,201,404
POST   /courses/{course_id}/quizzes/import?title=New  404        404          404            404          404          201,404,404  404,201,404  201,201,404
POST   /courses/{course_id}/quizzes/import?title=New&dry_run=true  404  404   404            404          404          200,404,404  404,200,404  200,200,404
POST   /courses/{course_id}/enrollments/import      404          404          404            404          404          200,404,404  404,200,404  200,200,404
POST   /courses/{own.course_id}/enrollments <student_id>  404    404          404            404          404          409,201,422  404          409,201,422
POST   /courses/{own.course_id}/enrollments <email>  404         404          404            404          404          409,201,422  404          409,201,422
POST   /courses/{own.course_id}/enrollments <student_id=lecturer_id>      404  404  404      404          404          422          404          422
POST   /courses/{own.course_id}/enrollments <student_id=@closed_student>  404  404  404      404          404          422          404          422
POST   /courses/{own.course_id}/enrollments <email=@closed_student>       404  404  404      404          404          422          404          422
GET    /courses/{course_id}/enrollments/{student_id}      200,404,404  404    404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /courses/{own.course_id}/enrollments/{student_id}  200,404,404  404    404            404          404          200,404,404  404          200,404,404
GET    /courses/{course_id}/enrollments/{own.student_id}  200,404,404  404    404            404          404          200,404,404  404          200,404,404
GET    /courses/{own.course_id}/enrollments/{student_id=@dropped_student}  404  404  404     200          404          200          404          200
GET    /courses/{own.course_id}/enrollments/{student_id=@invited_student}  404  404  404     404          200          200          404          200
PATCH  /courses/{course_id}/enrollments/{student_id}      200,404,404  404    404,200,404    404          404          200,404,404  404,200,404  200,200,404
PATCH  /courses/{course_id}/enrollments/{student_id} <state=completed>  409,404,404  404  404,409,404  404  404        200,404,404  404,200,404  200,200,404
PATCH  /courses/{own.course_id}/enrollments/{student_id=@invited_student} <state=active>  404  404  404  404  200      200          404          200
PATCH  /courses/{own.course_id}/enrollments/{student_id=@dropped_student} <state=active>  404  404  404  409  404      200          404          200
PATCH  /courses/{own.course_id}/enrollments/{student_id=@alumnus} <state=active>          404  404  404  404  404      200          404          200
GET    /students/{student_id}/enrollments                 200/2,404,404  404  404,200/1,404  404          404          404          404          200/2,200/1,404
GET    /students/{student_id}/enrollments?count=true      200/2,404,404  404  404,200/1,404  404          404          404          404          200/2,200/1,404
GET    /students/{student_id=@dropped_student}/enrollments  404  404          404            200/1        404          404          404          200/1
GET    /students/{student_id=@invited_student}/enrollments  404  404          404            404          200/1        404          404          200/1
GET    /students/{student_id=lecturer_id}/enrollments     404    404          404            404          404          404          404          404

GET    /students/{student_id}/performance           200/1,404,404  404        404,200/1,404  404          404          200/2,404,404  404,200/1,404  200/2,200/1,404
GET    /students/{student_id}/performance?count=true  200/1,404,404  404      404,200/1,404  404          404          200/2,404,404  404,200/1,404  200/2,200/1,404
GET    /students/{student_id}/performance?course_id={own.course_id}  200/1,404,404  404  404,200/0,404  404  404  200/1,404,404  404,200/0,404  200/1,200/0,404
GET    /students/{student_id=@dropped_student}/performance  404  404          404            200/0        404          200/1        404          200/1
GET    /students/{student_id=@invited_student}/performance  404  404          404            404          200/0        200/1        404          200/1
GET    /students/{student_id=lecturer_id}/performance  404       404          404            404          404          404          404          404
GET    /students/{student_id}/dashboard             200,404,404  404          404,200,404    404          404          404          404          200,200,404
GET    /students/{student_id=@dropped_student}/dashboard  404    404          404            200          404          404          404          200
GET    /students/{student_id=lecturer_id}/dashboard  404         404          404            404          404          404          404          404
GET    /courses/{course_id}/dashboard               404          404          404            404          404          200,404,404  404,200,404  200,200,404
GET    /courses/{course_id}/at-risk                 404          404          404            404          404          200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /courses/{course_id}/at-risk?count=true      404          404          404            404          404          200/0,404,404  404,200/0,404  200/0,200/0,404
GET    /courses/{course_id}/gradebook               404          404          404            404          404          200/3,404,404  404,200/1,404  200/3,200/1,404
GET    /courses/{course_id}/gradebook?count=true    404          404          404            404          404          200/3,404,404  404,200/1,404  200/3,200/1,404

GET    /deliveries/{delivery_id}                    200,404,404  404          404,200,404    404          404          200,404,404  404,200,404  200,200,404
GET    /deliveries/{delivery_id=password_delivery_id}  200,404,404  404       404,200,404    404          404          404          404          200,200,404

GET    /audit                                       404          404          404            404          404          404          404          200/2
GET    /audit?count=true                            404          404          404            404          404          404          404          200/2
GET    /audit?user_id={user_id}                     404          404          404            404          404          404          404          200/1,200/1,200/0
GET    /audit?course_id={course_id}                 404          404          404            404          404          404          404          200/1,200/1,200/0
GET    /audit?actor_id={actor_id}                   404          404          404            404          404          404          404          200/1,200/1,200/0
"""  # noqa: E501 - a table

PUBLIC = {
    "POST /auth/login": 401,
    "POST /account-tokens/redeem": 422,
    "GET /invitation": 200,
    "GET /invitation/{asset}": 404,
    "GET /health/live": 200,
    "GET /health/ready": 200,
    "GET /docs": 200,
    "GET /docs/{asset}": 404,
    "GET /schema": 200,
    "GET /schema/{path}": 404,
    "GET /schema/openapi.json": 200,
}
"""Routes that ask for no token, and what everybody is answered by them."""

BODIES: dict[str, Any] = {
    "POST /account-tokens/redeem": {"token": "no-such-token", "new_password": "a sentence is fine"},
    "POST /auth/login": {"email": address_of("lecturer"), "password": "a wrong one"},
    "POST /auth/password": {"current_password": PASSWORD, "new_password": "a sentence is fine"},
    "POST /users": {"email": "new@school.example", "full_name": "New", "role": "student"},
    "PATCH /users/{user_id}": {"full_name": "Changed"},
    "PUT /users/{user_id}/password": {"new_password": "a sentence is fine"},
    "PATCH /users/{user_id}/settings": {
        "language": "de",
        "timezone": "Europe/Berlin",
        "theme": "dark",
        "notifications": {"enrollments": True, "quizzes": False, "digest": "daily"},
    },
    "POST /terms": {
        "code": "2027-SPRING",
        "title": "New",
        "starts_on": "2027-02-01",
        "ends_on": "2027-05-28",
    },
    "PATCH /terms/{term_id}": {"title": "Changed"},
    "POST /courses": {"code": "NEW", "title": "New", "capacity": 5},
    "PATCH /courses/{course_id}": {"title": "Changed"},
    "PUT /courses/{course_id}/syllabus": {"weeks": [{"week_number": 3, "topic": "Changed"}]},
    "PUT /courses/{course_id}/syllabus/{week_number}": {"topic": "Changed"},
    "POST /courses/{course_id}/materials": {
        "week_number": 2,
        "kind": "link",
        "title": "New",
        "url": "https://new.example/",
        "metadata": {"licence": "CC BY 4.0"},
    },
    "PUT /courses/{course_id}/materials/crawled": {
        "kind": "video",
        "title": "New",
        "url": "https://new.example/",
        "crawled_at": "2026-01-01T00:00:00Z",
        "metadata": {"minutes": 5},
    },
    "PATCH /materials/{material_id}": {"title": "Changed"},
    "POST /courses/{course_id}/materials/files": {"title": "New", "kind": "text", "week_number": "2"},
    "POST /courses/{course_id}/quizzes": {
        "title": "New",
        "week_number": 2,
        "opens_at": "2026-10-01T08:00:00Z",
        "closes_at": "2026-10-08T08:00:00+02:00",
        "time_limit_seconds": 600,
        "attempts_allowed": 3,
        "score_policy": "latest",
        "feedback_policy": "after_close",
    },
    "PATCH /quizzes/{quiz_id}": {"title": "Changed"},
    "PUT /quizzes/{quiz_id}/questions": quiz("single_choice", "numeric", "essay")._asdict(),
    "PATCH /attempts/{attempt_id}": {"answers": {"q1": True}},
    "POST /attempts/{attempt_id}/submit": {"answers": {"q1": True}},
    "POST /courses/{course_id}/quizzes/import": (
        "::Sum:: 2 + 2 = {#4:0.1}\n\nGreen? {=leaf ~sky}\n\nMatch. {=a -> b =c -> d}\n"
    ),
    "PUT /attempts/{attempt_id}/grade": {"reviews": {"q1": {"points": 0.5, "comment": "Not quite."}}},
    "PUT /quizzes/{quiz_id}/versions/{version_number}/key": {
        "key": {"q1": {"type": "true_false", "correct": False}}
    },
    "POST /courses/{course_id}/enrollments": {"state": "active"},
    "POST /courses/{course_id}/enrollments/import": (
        f"email,full_name,state\r\n{address_of('newcomer')},Newcomer,active\r\n"
    ),
    "PATCH /courses/{course_id}/enrollments/{student_id}": {"state": "dropped"},
}
"""What is sent, for every route that takes a body: text where that is no JSON. `body_of` adds the ids."""

TEXT_TYPES = {
    "POST /courses/{course_id}/quizzes/import": "text/plain",
    "POST /courses/{course_id}/enrollments/import": "text/csv",
}
"""The media type of each body that is a text."""

QUERIES = {"POST /courses/{course_id}/quizzes/import": "title=New"}
"""The query that a route cannot do without."""

FILES = {"POST /courses/{course_id}/materials/files": ("new.txt", b"A new text.")}
"""What is sent besides, for every route that takes a form with a file."""

NO_ID = UUID("0190a000-0000-7000-8000-000000000000")

ABSENT: dict[str, Any] = {
    "course_id": NO_ID,
    "empty_course_id": NO_ID,
    "term_id": NO_ID,
    "lecturer_id": NO_ID,
    "student_id": NO_ID,
    "user_id": NO_ID,
    "actor_id": NO_ID,
    "material_id": NO_ID,
    "delivery_id": NO_ID,
    "password_delivery_id": NO_ID,
    "file_material_id": NO_ID,
    "quiz_id": NO_ID,
    "draft_quiz_id": NO_ID,
    "taken_quiz_id": NO_ID,
    "attempt_id": NO_ID,
    "graded_attempt_id": NO_ID,
    "regrade_id": NO_ID,
    "version_number": 1,
    "email": address_of("absent"),
    "week_number": 1,
}

_PLACE = re.compile(r"\{(own\.)?(\w+)(?:=(@|own\.)?(\w+))?\}")

AUDITED = re.compile(
    r"(POST|PUT|PATCH) (/users|/auth/password|.*/enrollments|.*/(grade|key|regrade)$)"
    r"|POST (/quizzes/.*/attempts|/attempts/.*/submit)"
)
"""Each success on one of these routes leaves one audit row, and no other request leaves any."""

NOT_AUDITED = ("taken_quiz_id}/attempts", "graded_attempt_id}/submit")
"""What stands in the rows for what was done before: an attempt is under way, or was handed in."""

TOLD = re.compile(
    r"(POST|PATCH) .*/enrollments|POST /auth/password|PUT /users/.*/password|PUT /attempts/.*/grade"
)
"""Each success on one of these routes queues one mail, and no other request queues any."""

NOT_TOLD = ("state=completed", "alumnus")
"""What stands in the rows for steps that nobody is told of: a course is completed, or resumed."""


def body_of(route: str, school: School) -> Any:
    """A body that the route takes, with ids of the school."""
    body = BODIES.get(route)
    if route == "POST /courses":
        return {**BODIES[route], "term_id": str(school.own["term_id"])}
    if route == "POST /courses/{course_id}/enrollments":
        return {**BODIES[route], "student_id": str(school.people["newcomer"])}
    return body


def in_its_form(route: str, body: Any) -> dict[str, Any]:
    """A body as httpx is given it: a form with a file, CSV as it is, anything else as JSON."""
    if route in FILES:
        return {"data": body, "files": {"file": FILES[route]}}
    if isinstance(body, str):
        return {"content": body.encode()}
    return {"json": body}


@dataclass(frozen=True)
class Cell:
    status: int
    items: int | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str
    address: str
    in_body: str | None
    cells: dict[str, tuple[Cell, ...]]

    def __str__(self) -> str:
        return f"{self.method} {self.address}" + (f" <{self.in_body}>" if self.in_body else "")

    @property
    def route(self) -> str:
        """The route, as the application spells it."""
        path = _PLACE.sub(lambda place: f"{{{place[2]}}}", self.address.partition("?")[0])
        return f"{self.method} {path}"

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def whose(self) -> tuple[str, ...]:
        """Whose ids the row is asked with; one, where it makes no difference."""
        return WHOSE if any(_is_of_a_side(*place) for place in self.places()) else WHOSE[:1]

    def places(self) -> list[tuple[str, ...]]:
        """Where ids go: `own.` or nothing, the parameter, `@` or `own.` or nothing, and the source if another."""
        in_body = [f"{{{self.in_body}}}"] if self.in_body else []
        return [found for text in (self.address, *in_body) for found in _PLACE.findall(text)]

    def cell(self, principal: str, whose: str) -> Cell:
        if principal in LOCKED_OUT:
            return Cell(401)
        cells = self.cells[principal]
        return cells[WHOSE.index(whose) if len(cells) > 1 else 0]


def _is_of_a_side(own: str, name: str, prefix: str, source: str) -> bool:
    return not own and not prefix and (source or name) in ABSENT


def read_table(text: str = TABLE) -> list[Row]:
    header, *lines = [line for line in text.splitlines() if line.strip()]
    principals = header.split()
    rows = []
    for line in lines:
        method, address, *cells = line.split()
        in_body = cells.pop(0).strip("<>") if cells[0].startswith("<") else None
        outcomes = [tuple(map(_cell, cell.split(","))) for cell in cells]
        row = Row(method, address, in_body, dict(zip(principals, outcomes, strict=True)))
        assert {len(outcome) for outcome in outcomes} <= {1, len(row.whose)}, line
        rows.append(row)
    return rows


def _cell(text: str) -> Cell:
    status, _, items = text.partition("/")
    return Cell(int(status), int(items) if items else None)


@dataclass(frozen=True)
class Matrix:
    """The table, asked of a running service."""

    client: httpx.Client
    school: School
    tables: Tables

    def differences(self, row: Row, principal: str) -> list[str]:
        """Where the answers are not what the table says, or show or change what they must not."""
        return list(self._differences(row, principal))

    def _differences(self, row: Row, principal: str) -> Iterator[str]:
        answers: dict[str, httpx.Response] = {}
        before = self.tables.rows()
        for whose in row.whose:
            answer = answers[whose] = self.ask(row, principal, whose)
            # Of several reads it is enough to know that none of them changed anything.
            is_checked = row.is_write or whose == row.whose[-1]
            changes = Changes(before, self.tables.rows() if is_checked else before)
            self.tables.restore(changes.number)
            cell = row.cell(principal, whose)
            label = f"{row} by {principal}, {whose}:"
            if answer.status_code != cell.status:
                yield f"{label} {answer.status_code}, not {cell.status}: {answer.text[:200]}"
            if cell.items is not None and answer.status_code == 200:
                yield from self._miscounted(label, cell.items, answer.json())
            secrets = self._secrets(row, principal, whose, answer, written=False)
            for secret in _found(secrets, _text_of(answer)):
                yield f"{label} shows {secret}"
            if changes.all and not (row.is_write and answer.is_success):
                yield f"{label} changed {changes.all}"
            if answer.is_success:
                secrets = self._secrets(row, principal, whose, answer, written=True)
                for secret in _found(secrets, "\n".join(changes.all)):
                    yield f"{label} changed rows with {secret}"
                yield from self._overreaching(label, row, principal, whose, changes)
        if row.cell(principal, row.whose[-1]).status >= 400 and len(row.whose) > 1:
            yield from self._distinguishable(row, principal, answers)

    def ask(self, row: Row, principal: str, whose: str, **headers: str) -> httpx.Response:
        """Send the request of a row, with ids of the school, of one that no such thing has."""
        body = self._body(row, whose)
        conditions = {"If-Match": "*"} if row.method in ("PATCH", "PUT", "DELETE") else {}
        if isinstance(body, str):
            conditions["Content-Type"] = TEXT_TYPES[row.route]
        return self.client.request(
            row.method,
            _PLACE.sub(lambda place: str(self._value(whose, *place.groups(""))), row.address),
            headers={**self.school.headers(principal), **conditions, **headers},
            **in_its_form(row.route, body),
        )

    def _body(self, row: Row, whose: str) -> Any:
        body = body_of(row.route, self.school)
        if row.in_body is None:
            return body
        name, _, literal = row.in_body.partition("=")
        if literal in ABSENT or literal.startswith("@") or not literal:
            (place,) = _PLACE.findall(f"{{{row.in_body}}}")
            value: Any = str(self._value(whose, *place))
        else:
            value = {"true": True, "false": False}.get(literal, literal)
        if row.route == "POST /courses/{course_id}/enrollments":
            body = BODIES[row.route]  # either the id or the address
        return {**(body or {}), name: value}

    def _value(self, whose: str, own: str, name: str, prefix: str, source: str) -> Any:
        if prefix == "@":
            return address_of(source) if name == "email" else self.school.people[source]
        side = "own" if own or prefix else whose
        return (ABSENT if side == "absent" else getattr(self.school, side))[source or name]

    def _miscounted(self, label: str, expected: int, document: dict[str, Any]) -> Iterator[str]:
        if len(document["items"]) != expected:
            yield f"{label} {len(document['items'])} items, not {expected}"
        if document.get("total", expected) != expected:
            yield f"{label} a total of {document['total']}, not {expected}"

    def _secrets(
        self, row: Row, principal: str, whose: str, answer: httpx.Response, *, written: bool
    ) -> set[str]:
        shown = None
        if row.route == "POST /courses/{course_id}/enrollments/import" and answer.is_success:
            shown = "newcomer"
        if row.route == "POST /courses/{course_id}/enrollments" and answer.is_success:
            named = (self._body(row, whose) or {}).values()
            (shown,) = (
                name
                for name, user_id in self.school.people.items()
                if str(user_id) in named or address_of(name) in named
            )
        secrets = hidden(
            self.school, principal, enrollments="/enrollments" in row.route, written=written, shown=shown
        )
        if row.route == "POST /quizzes/{quiz_id}/attempts" and answer.is_success:
            # Whoever takes a quiz is asked its questions.
            secrets -= {
                f"Asked by {teacher}" for teacher, side in SIDES.items() if ATTENDS[principal] == side
            }
        return secrets

    def _overreaching(
        self, label: str, row: Row, principal: str, whose: str, changes: "Changes"
    ) -> Iterator[str]:
        """A write leaves one row of audit where it should, and ends the sessions that it should and no other."""
        audited = AUDITED.match(row.route) is not None and not any(done in str(row) for done in NOT_AUDITED)
        if changes.number["audit_events"] != audited:
            yield f"{label} left {changes.number['audit_events']} audit rows"
        told = TOLD.match(row.route) is not None and not any(step in str(row) for step in NOT_TOLD)
        if changes.number["email_outbox"] != told:
            yield f"{label} queued {changes.number['email_outbox']} mails"
        ended = changes.ended_sessions()
        if ended != (expected := self._sessions_to_end(row, principal, whose, changes.before)):
            yield f"{label} ended sessions {ended}, not {expected}"

    def _sessions_to_end(self, row: Row, principal: str, whose: str, before: Counter[str]) -> set[str]:
        """The live sessions that a request should end, by the hashes of their tokens."""
        present = "\\x" + token_hash(self.school.principals[principal].token or "").hex()
        actor = str(self.school.principals[principal].user_id)
        sessions = [json.loads(found[9:]) for found in before if found.startswith("sessions ")]
        alive = {
            (str(session["user_id"]), str(session["token_hash"]))
            for session in sessions
            if session["revoked_at"] is None
        }
        match row.route, row.in_body:
            case ("POST /auth/logout", _):
                return {present}
            case ("POST /auth/password", _):
                return {token for owner, token in alive if owner == actor} - {present}
            case ("PUT /users/{user_id}/password", _) | ("PATCH /users/{user_id}", "active=false"):
                target = str(self._value(whose, *row.places()[0]))
                return {token for owner, token in alive if owner == target}
        return set()

    def _distinguishable(self, row: Row, principal: str, answers: dict[str, httpx.Response]) -> Iterator[str]:
        """Whatever is refused like the absent must be told like the absent."""
        absent = _telling(answers["absent"])
        for whose in row.whose:
            if row.cell(principal, whose).status != row.cell(principal, "absent").status:
                continue
            if _telling(answers[whose]) != absent:
                yield f"{row} by {principal}, {whose}: told apart from the absent: {_telling(answers[whose])}"


class Changes:
    """What a request changed: rows as they were and as they are."""

    def __init__(self, before: Counter[str], after: Counter[str]) -> None:
        self.before = before
        self.all = touched(before, after)
        self.number = Counter(change.partition(" ")[0] for change in self.all)

    def ended_sessions(self) -> set[str]:
        """The hashes of the tokens of all sessions that were changed. A new one has none of before."""
        return {
            json.loads(change.partition(" ")[2])["token_hash"]
            for change in self.all
            if change.startswith("sessions ")
        }


def _text_of(answer: httpx.Response) -> str:
    """All of a body but `instance`, which is what the client sent itself."""
    try:
        document = answer.json()
    except ValueError:
        return answer.text
    return json.dumps({key: value for key, value in document.items() if key != "instance"})


def _found(secrets: set[str], text: str) -> list[str]:
    return sorted(secret for secret in secrets if secret in text)


def _telling(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], Any]:
    """All of an answer but what the request itself brought: the path, and through it the length."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k not in {"date", "content-length"})
    is_json = "json" in answer.headers.get("content-type", "")
    document = answer.json() if is_json else answer.content
    if isinstance(document, dict):
        document.pop("instance", None)
    return answer.status_code, headers, document


def token_hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
