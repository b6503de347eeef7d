"""Made-up folders in the form of the Open University Learning Analytics Dataset."""

from collections.abc import Iterable, Sequence
from pathlib import Path

Line = Sequence[str]

HEADERS = {
    "courses.csv": "code_module,code_presentation,module_presentation_length",
    "studentInfo.csv": (
        "code_module,code_presentation,id_student,gender,region,highest_education,imd_band,age_band,"
        "num_of_prev_attempts,studied_credits,disability,final_result"
    ),
    "studentRegistration.csv": (
        "code_module,code_presentation,id_student,date_registration,date_unregistration"
    ),
    "assessments.csv": "code_module,code_presentation,id_assessment,assessment_type,date,weight",
    "studentAssessment.csv": "id_assessment,id_student,date_submitted,is_banked,score",
}

PERSON = ("Z-GENDER", "Z-REGION", "Z-EDUCATION", "Z-IMD", "Z-AGE", "98761", "98762", "Z-DISABILITY")
"""What studentInfo.csv says of a person, in words that stand nowhere else."""


def folder(
    directory: Path,
    *,
    courses: Iterable[Line] = (("AAA", "2013J", "268"),),
    students: Iterable[Line] = (),
    registrations: Iterable[Line] = (),
    assessments: Iterable[Line] = (),
    results: Iterable[Line] = (),
) -> Path:
    """A folder with these lines in its files, quoted as the dataset quotes most of them."""
    directory.mkdir(exist_ok=True)
    given = (courses, students, registrations, assessments, results)
    for name, lines in zip(HEADERS, given, strict=True):
        write(directory, name, text_of(name, lines))
    return directory


def write(directory: Path, name: str, content: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_of(name: str, lines: Iterable[Line]) -> str:
    rows = [HEADERS[name].split(","), *lines]
    return "".join(",".join(f'"{field}"' for field in row) + "\n" for row in rows)


def enrolled(directory: Path, *people: tuple[Line, Line], **others: Iterable[Line]) -> Path:
    """A folder with these people, each as `person` gives them, and the other lines as `folder` takes them."""
    return folder(
        directory,
        students=[student for student, _ in people],
        registrations=[registration for _, registration in people],
        **others,
    )


def person(
    number: object = 11391,
    *,
    course: str = "AAA-2013J",
    result: str = "Pass",
    registered: object = -159,
    left: object = "?",
) -> tuple[Line, Line]:
    """A student on a presentation: the line of studentInfo.csv, and that of studentRegistration.csv."""
    return student(number, course=course, result=result), registration(
        number, course=course, registered=registered, left=left
    )


def student(number: object = 11391, *, course: str = "AAA-2013J", result: str = "Pass") -> Line:
    return (*course.split("-"), str(number), *PERSON, result)


def registration(
    number: object = 11391, *, course: str = "AAA-2013J", registered: object = -159, left: object = "?"
) -> Line:
    return (*course.split("-"), str(number), str(registered), str(left))


def assessment(
    number: object = 1752,
    *,
    course: str = "AAA-2013J",
    kind: str = "TMA",
    date: object = 19,
    weight: object = 10,
) -> Line:
    return (*course.split("-"), str(number), kind, str(date), str(weight))


def result(
    score: object = 78, *, of: object = 11391, at: object = 1752, submitted: object = 18, banked: object = 0
) -> Line:
    """What a student got: score, student, assessment, day, and whether it is banked."""
    return str(at), str(of), str(submitted), str(banked), str(score)
