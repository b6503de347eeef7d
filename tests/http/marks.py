"""What gives a person or a course away, and who may see which of it."""

from tests.support.school import School, address_of, answer_of, comment_of, explanation_of, name_of

SIDES = {"lecturer": "own", "other_lecturer": "foreign"}
"""Whose side a teacher's course is on."""

ATTENDS = {"student": "own", "classmate": "own", "other_student": "foreign"}
"""Who sees a course as a student. Whoever dropped it, or was invited, sees nothing of it."""

ON_COURSE = {
    "own": ("student", "classmate", "dropped_student", "invited_student", "alumnus"),
    "foreign": ("other_student",),
}
"""Whose enrolments the teacher of a side sees."""


def hidden(
    school: School, principal: str, *, enrollments: bool, written: bool, shown: str | None
) -> set[str]:
    """What neither an answer to somebody nor the rows that they changed may hold, as it stands in JSON.

    Args:
        school: who and what there is.
        principal: who asks.
        enrollments: whether it is about enrolments, which tell their student what the course is called.
        written: whether it is about rows that they changed; giving back a seat touches the course.
        shown: a student whom they have just put on a course of theirs, and who is shown to them.
    """
    if principal == "super_admin":
        return set()
    marks: set[str] = set()
    for teacher, side in SIDES.items():
        course = _course_marks(school, teacher, side)
        if side not in (SIDES.get(principal), ATTENDS.get(principal)):
            mine = principal in ON_COURSE[side] and enrollments
            marks |= course - (_labels(school, "course", teacher, side) if mine else set())
            if mine and written:
                marks -= course
        if side != SIDES.get(principal):
            marks |= _unseen_marks(school, teacher, side)
            if enrollments and principal == "student":
                marks -= _labels(school, "draft", "lecturer", "own")
    for name in school.people:
        if name not in (principal, shown) and name not in ON_COURSE.get(SIDES.get(principal, ""), ()):
            marks |= _person_marks(school, name)
    return marks


def _course_marks(school: School, teacher: str, side: str) -> set[str]:
    """What is only found in the rows of the course of one side, its teacher's id among them."""
    rows = getattr(school, side)
    return {
        *_labels(school, "course", teacher, side),
        str(rows["lecturer_id"]),
        str(rows["material_id"]),
        str(rows["file_material_id"]),
        str(rows["quiz_id"]),
        str(rows["taken_quiz_id"]),
        f'of {teacher}"',
    }


def _unseen_marks(school: School, teacher: str, side: str) -> set[str]:
    """What is only found in rows that nobody but their teacher sees: of courses, and of quizzes and their keys."""
    drafts = _labels(school, "draft", teacher, side) if side == "own" else set()
    quizzes = {str(getattr(school, side)["draft_quiz_id"]), explanation_of(teacher), f"Asked by {teacher}"}
    # Nobody has been shown what it was worth: its policy is never.
    graded = {explanation_of(f"Taken from {teacher}"), comment_of(teacher)}
    return drafts | quizzes | graded | _labels(school, "empty", teacher, side)


def _labels(school: School, kind: str, teacher: str, side: str) -> set[str]:
    """Id and code of a course."""
    key = "course_id" if kind == "course" else f"{kind}_course_id"
    return {str(getattr(school, side)[key]), f'"{kind}-{teacher}"'.upper()}


def _person_marks(school: School, name: str) -> set[str]:
    """The address of a person; of a student also name, id and answers, nobody's business but their teachers'."""
    marks = {f'"{address_of(name)}"'}
    if "lecturer" not in name:
        marks |= {f'"{name_of(name)}"', str(school.people[name]), f'"{answer_of(name)}"'}
    return marks
