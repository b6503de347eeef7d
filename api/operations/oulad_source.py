"""The files of the Open University Learning Analytics Dataset (OULAD) that an import reads.

Kuzilek, Hlosta and Zdrahal 2017, https://doi.org/10.1038/sdata.2017.171, licence CC BY 4.0. Of nine files five are
read here, and of these what a course, its students and their results need:

    courses.csv               code_module, code_presentation, module_presentation_length
    studentInfo.csv           code_module, code_presentation, id_student, final_result
    studentRegistration.csv   code_module, code_presentation, id_student, date_registration, date_unregistration
    assessments.csv           code_module, code_presentation, id_assessment, assessment_type, date
    studentAssessment.csv     id_assessment, id_student, date_submitted, is_banked, score

Gender, region, education, deprivation band, age band, earlier attempts, credits and disability stand in
studentInfo.csv too. They leave it no further than this module: a course can be given without them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.operations.source_files import read_csv


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the dataset: its name, its columns, and those of them that are imported."""

    name: str
    columns: tuple[str, ...]
    imported: tuple[str, ...]

    @property
    def left_out(self) -> list[str]:
        return [column for column in self.columns if column not in self.imported]


_PRESENTATION: Final = ("code_module", "code_presentation")

COURSES: Final = SourceFile(
    "courses.csv",
    (*_PRESENTATION, "module_presentation_length"),
    (*_PRESENTATION, "module_presentation_length"),
)
STUDENTS: Final = SourceFile(
    "studentInfo.csv",
    (
        *(*_PRESENTATION, "id_student", "gender", "region", "highest_education", "imd_band", "age_band"),
        *("num_of_prev_attempts", "studied_credits", "disability", "final_result"),
    ),
    (*_PRESENTATION, "id_student", "final_result"),
)
REGISTRATIONS: Final = SourceFile(
    "studentRegistration.csv",
    (*_PRESENTATION, "id_student", "date_registration", "date_unregistration"),
    (*_PRESENTATION, "id_student", "date_registration", "date_unregistration"),
)
ASSESSMENTS: Final = SourceFile(
    "assessments.csv",
    (*_PRESENTATION, "id_assessment", "assessment_type", "date", "weight"),
    (*_PRESENTATION, "id_assessment", "assessment_type", "date"),
)
RESULTS: Final = SourceFile(
    "studentAssessment.csv",
    ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
    ("id_assessment", "id_student", "date_submitted", "is_banked", "score"),
)
FILES: Final = (COURSES, STUDENTS, REGISTRATIONS, ASSESSMENTS, RESULTS)


def read_lines(directory: Path, file: SourceFile) -> Iterator[tuple[int, *tuple[str, ...]]]:
    """Each line of a file: its number, and the columns that are imported, in order.

    Raises:
        FailureError: the file is missing or damaged.
    """
    places = [file.columns.index(column) for column in file.imported]
    for number, fields in read_csv(directory / file.name, file.columns):
        yield number, *(fields[place] for place in places)
