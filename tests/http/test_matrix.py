"""Every route, asked by everybody for their own, for somebody else's and for what does not exist."""

from collections import Counter

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from pydantic import SecretStr

from api.app import create_app
from api.settings import Settings
from tests.http.marks import hidden
from tests.http.matrix import BODIES, LET_IN, LOCKED_OUT, PUBLIC, TABLE, Matrix, Row, read_table
from tests.support.school import School

ROWS = read_table()
PRINCIPALS = (*LOCKED_OUT, *LET_IN)


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Settings(database_url=SecretStr("postgresql://nobody.invalid/lms")))


def routes(app: Litestar, *, public: bool) -> Counter[str]:
    """Every route of the application with each of its methods. OPTIONS is answered by Litestar itself."""
    return Counter(
        f"{method} {route.path_format}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS" and bool(handler.opt.get("public")) is public
    )


def test_every_route_has_a_row(app: Litestar) -> None:
    assert set(routes(app, public=False)) == {row.route for row in ROWS}


def test_a_route_without_a_row_would_be_noticed(app: Litestar) -> None:
    fewer = read_table("\n".join(line for line in TABLE.splitlines() if "/auth/me" not in line))
    assert set(routes(app, public=False)) - {row.route for row in fewer} == {"GET /auth/me"}


def test_the_routes_that_ask_for_no_token_are_these(app: Litestar) -> None:
    assert set(routes(app, public=True)) == set(PUBLIC)


def test_every_principal_of_the_school_is_in_the_matrix(school: School) -> None:
    assert set(school.principals) == set(PRINCIPALS)


SEES = """
                       student  classmate  dropped_student  invited_student  lecturer  other_lecturer  super_admin
{course_id}            yes      yes        enrolment        enrolment        yes       no              yes
{lecturer_id}          yes      yes        no               no               yes       no              yes
{material_id}          yes      yes        no               no               yes       no              yes
{file_material_id}     yes      yes        no               no               yes       no              yes
{quiz_id}              yes      yes        no               no               yes       no              yes
{draft_quiz_id}        no       no         no               no               yes       no              yes
{draft_course_id}      enrolment  no       no               no               yes       no              yes
{empty_course_id}      no       no         no               no               yes       no              yes
student@               yes      no         no               no               yes       no              yes
classmate@             no       yes        no               no               yes       no              yes
dropped_student@       no       no         yes              no               yes       no              yes
invited_student@       no       no         no               yes              yes       no              yes
alumnus@               no       no         no               no               yes       no              yes
other_student@         no       no         no               no               no        yes             yes
newcomer@              no       no         no               no               no        no              yes
lecturer@              no       no         no               no               yes       no              yes
super_admin@           no       no         no               no               no        no              yes
"""


def test_who_sees_what_gives_a_person_or_the_course_away(school: School) -> None:
    """What the matrix looks for in every answer. `enrolment`: where it is about their own."""
    header, *lines = SEES.strip().splitlines()
    for line in lines:
        what, *cells = line.split()
        mark = f'"{what}school.example"' if what.endswith("@") else what.format(**school.own)
        for principal, seen in zip(header.split(), cells, strict=True):
            found = {
                about: mark not in hidden(school, principal, enrollments=about, written=False, shown=None)
                for about in (False, True)
            }
            assert found == {False: seen == "yes", True: seen != "no"}, (what, principal)


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_principal_gets_what_the_table_says(matrix: Matrix, row: Row, principal: str) -> None:
    assert matrix.differences(row, principal) == []


@pytest.mark.parametrize("version", ['"1"', '"999"', '"1.00000000"'])
@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.method in ("PATCH", "PUT", "DELETE") and len(row.whose) > 1],
    ids=str,
)
def test_no_version_tells_what_is_somebody_elses_from_what_is_not_there(
    matrix: Matrix, row: Row, version: str
) -> None:
    before = matrix.tables.rows()
    for principal in ("nobody", *LET_IN):
        expected = row.cell(principal, "foreign").status
        if expected not in (401, 404):
            continue
        foreign, absent = (
            matrix.ask(row, principal, whose, **{"If-Match": version}) for whose in ("foreign", "absent")
        )
        assert (foreign.status_code, absent.status_code) == (expected, expected)
        assert {**foreign.json(), "instance": ""} == {**absent.json(), "instance": ""}
    assert matrix.tables.rows() == before


@pytest.mark.parametrize("route", PUBLIC)
def test_a_public_route_answers_everybody_alike(service: httpx.Client, school: School, route: str) -> None:
    method, _, path = route.partition(" ")
    address = path.format(asset="secrets.txt", path="secrets.txt")
    answers = [
        service.request(method, address, json=BODIES.get(route), headers=school.headers(principal))
        for principal in PRINCIPALS
    ]
    assert {answer.status_code for answer in answers} == {PUBLIC[route]}
    assert len({answer.content for answer in answers}) == 1
