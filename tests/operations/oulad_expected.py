"""What the files of the Open University Learning Analytics Dataset amount to, computed from them alone.

For tests to compare with: plain Python over plain CSV, which shares nothing with the importer but the rules that the
docstring of api/operations/import_oulad.py states. Scores are exact (Fraction) until they are rounded, as PostgreSQL
rounds: half away from zero, to four decimals.

    dataset = read(real_data / "oulad")
    dataset.performance("student-11391@oulad.example")[("OULAD-AAA-2013J", 3)]
    dataset.mastery_by_week("OULAD-AAA-2013J")

Names of numbers are those that the service's documents have for them, and mean what the headers of sql/performance and
sql/dashboards say. Addresses and codes are those that accounts and courses are imported under. Days are dates, at whose
midnight UTC a result was handed in.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path

MASTERED, DEVELOPING = Fraction(8, 10), Fraction(5, 10)
"""The shares of the policy that a course has unless somebody gives it another; the highest of a week counts."""

Enrollment = tuple[str, str]
"""The address of a student and the code of a course."""

Topic = tuple[str, int]
"""The code of a course and the number of a week."""


@dataclass(frozen=True)
class Quiz:
    """An assessment."""

    line: int
    course: str
    title: str
    week: int | None
    last_day: date | None


@dataclass(frozen=True)
class Attempt:
    """A result."""

    line: int
    student: str
    quiz: Quiz
    day: date
    points: int | None
    """Of 100; None if nobody graded it."""
    banked: bool

    @property
    def share(self) -> Fraction:
        assert self.points is not None
        return Fraction(self.points, 100)


@dataclass(frozen=True)
class Performance:
    """What the graded attempts of a student in a week amount to: a row of lms.topic_performance."""

    attempts: int
    best_score: Decimal
    last_score: Decimal
    average_score: Decimal
    mastery: str


@dataclass(frozen=True)
class Grade:
    """What a student has for a quiz: of the one attempt there is."""

    share: Decimal | None
    attempts: int
    awaiting_review: int
    state: str


@dataclass(frozen=True)
class Risk:
    """Why a student may fail a course, in numbers."""

    remedial_topics: int
    missed_quizzes: int
    average_share: Decimal | None
    days_since_last_attempt: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """The files as they are imported."""

    length: dict[str, int]
    """Days of each course, by its code."""
    enrollments: dict[Enrollment, tuple[str, datetime, datetime]]
    """State, beginning and last change of each enrolment."""
    quizzes: list[Quiz]
    attempts: list[Attempt]
    registered: dict[Enrollment, tuple[date | None, date | None]]
    """Between which days each student was registered, as far as that is known."""

    # Of a student

    def performance(self, student: str) -> dict[Topic, Performance]:
        """By course and week, what a student has reached."""
        return self.all_performance.get(student, {})

    @cached_property
    def all_performance(self) -> dict[str, dict[Topic, Performance]]:
        """By student, course and week."""
        graded: dict[tuple[str, Topic], list[Attempt]] = defaultdict(list)
        for attempt in self._graded():
            if attempt.quiz.week is not None:
                graded[attempt.student, (attempt.quiz.course, attempt.quiz.week)].append(attempt)
        found: dict[str, dict[Topic, Performance]] = defaultdict(dict)
        for (student, topic), attempts in graded.items():
            found[student][topic] = _amount(attempts)
        return dict(found)

    def weeks(self, student: str, course: str) -> dict[int, Performance]:
        """What a student has reached on a course, by week and in order."""
        return dict(
            sorted((week, one) for (code, week), one in self.performance(student).items() if code == course)
        )

    @cached_property
    def states(self) -> dict[str, dict[str, str]]:
        """By student and course, the state of the enrolment."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for (student, course), (state, *_) in self.enrollments.items():
            found[student][course] = state
        return dict(found)

    @cached_property
    def results(self) -> dict[str, list[Attempt]]:
        """By student, all attempts."""
        found: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts:
            found[attempt.student].append(attempt)
        return dict(found)

    # Of a course

    def students(self, course: str) -> set[str]:
        """Who did not drop it."""
        return {
            student
            for (student, code), (state, *_) in self.enrollments.items()
            if code == course and state != "dropped"
        }

    def quizzes_of(self, course: str) -> list[Quiz]:
        """By week, those without one last, in the order of the file."""
        found = [quiz for quiz in self.quizzes if quiz.course == course]
        return sorted(found, key=lambda quiz: (quiz.week is None, quiz.week, quiz.line))

    def mastery_by_week(self, course: str) -> dict[int, Counter[str]]:
        """How many who did not drop the course have mastered, are developing or need remedial work, by week."""
        found: dict[int, Counter[str]] = defaultdict(Counter)
        for student in self.students(course):
            for week, performance in self.weeks(student, course).items():
                found[week][performance.mastery] += 1
        return dict(sorted(found.items()))

    def score_distribution(self, course: str) -> list[int]:
        """How many graded attempts lie in each tenth of the points: [0, 0.1), … [0.9, 1]; exams too."""
        found = Counter(
            min(attempt.points // 10, 9)
            for attempt in self._graded()
            if attempt.quiz.course == course and attempt.points is not None
        )
        return [found[tenth] for tenth in range(10)]

    def attempts_by_day(self, course: str) -> Counter[date]:
        """How many attempts were handed in, graded or not, by whomever, by day (UTC)."""
        return Counter(attempt.day for attempt in self.attempts if attempt.quiz.course == course)

    def gradebook(self, course: str) -> dict[str, dict[str, Grade]]:
        """By student who did not drop the course, and by quiz that they have begun, what they have for it."""
        found: dict[str, dict[str, Grade]] = {student: {} for student in self.students(course)}
        for attempt in self.attempts:
            if attempt.quiz.course == course and attempt.student in found:
                graded = attempt.points is not None
                found[attempt.student][attempt.quiz.title] = Grade(
                    share=rounded(attempt.share) if graded else None,
                    attempts=1,
                    awaiting_review=int(not graded),
                    state="graded" if graded else "submitted",
                )
        return found

    def risks(self, course: str, today: date) -> dict[str, Risk]:
        """What is known on a day of everybody who did not drop the course, had all been active on it."""
        attempts: dict[str, list[Attempt]] = {student: [] for student in self.students(course)}
        for attempt in self.attempts:
            if attempt.quiz.course == course and attempt.student in attempts:
                attempts[attempt.student].append(attempt)
        return {student: self._risk(student, course, taken, today) for student, taken in attempts.items()}

    def _risk(self, student: str, course: str, attempts: list[Attempt], today: date) -> Risk:
        _, enrolled, _ = self.enrollments[student, course]
        taken = {attempt.quiz for attempt in attempts}
        untaken = [quiz for quiz in self.quizzes_of(course) if quiz not in taken]
        remedial = sum(week.mastery == "remedial" for week in self.weeks(student, course).values())
        # They were open to the end of their last day.
        missed = sum(
            quiz.last_day is not None and quiz.last_day < today and quiz.last_day >= enrolled.date()
            for quiz in untaken
        )
        # As the gradebook has them: one attempt each, and of a hundred points.
        shares = [attempt.share for attempt in attempts if attempt.points is not None]
        average = rounded(sum(shares, Fraction(0)) / len(shares)) if shares else None
        last = max((attempt.day for attempt in attempts), default=None)
        idle = (today - (last or enrolled.date())).days
        # Fourteen days before the noon of today is a noon, too.
        had_something_to_do = any(
            quiz.last_day is None or quiz.last_day >= today - timedelta(days=14) for quiz in untaken
        )
        return Risk(
            remedial_topics=remedial,
            missed_quizzes=missed,
            average_share=average,
            days_since_last_attempt=None if last is None else (today - last).days,
            reasons=tuple(
                name
                for name, is_one in (
                    ("remedial_topics", remedial >= 2),
                    ("missed_quizzes", missed >= 2),
                    ("average_share", average is not None and average < Decimal("0.5")),
                    ("days_since_last_attempt", idle >= 14 and had_something_to_do),
                )
                if is_one
            ),
        )

    def open_quizzes(self, student: str, course: str, today: date) -> list[Quiz]:
        """Those of a course that are not over on a day and not taken, had they been published: what is due first."""
        taken = {attempt.quiz for attempt in self.results.get(student, ())}
        found = [
            quiz
            for quiz in self.quizzes
            if quiz.course == course and quiz not in taken and not self.is_over(quiz, today)
        ]
        return sorted(found, key=lambda quiz: (quiz.last_day or date.max, quiz.line))

    @staticmethod
    def is_over(quiz: Quiz, today: date) -> bool:
        """If the day that a quiz was due is past; one without a day never is."""
        return quiz.last_day is not None and quiz.last_day < today

    # Of all

    def peculiar_results(self) -> Counter[str]:
        """How many results are out of the ordinary, by the names that the report has for it."""
        return Counter(name for attempt in self.attempts for name in self._peculiarities(attempt))

    def peculiar_results_by_student(self) -> dict[str, Counter[str]]:
        """The same for each student who has a result."""
        return {
            student: Counter(name for attempt in attempts for name in self._peculiarities(attempt))
            for student, attempts in self.results.items()
        }

    def _peculiarities(self, attempt: Attempt) -> Iterator[str]:
        came, left = self.registered[attempt.student, attempt.quiz.course]
        if attempt.points is None:
            yield "without_score"
        if attempt.quiz.week is None:
            yield "without_week"
        if attempt.banked:
            yield "banked"
            return
        if attempt.quiz.last_day is not None and attempt.day > attempt.quiz.last_day:
            yield "late"
        if came is not None and attempt.day < came:
            yield "before_registration"
        if left is not None and attempt.day > left:
            yield "after_unregistration"

    def _graded(self) -> Iterator[Attempt]:
        return (attempt for attempt in self.attempts if attempt.points is not None)


def read(folder: Path) -> Dataset:
    """The dataset in a folder, whose lines are all as they should be.

    Raises:
        KeyError: a line stands for something that no other line knows.
    """
    length = {
        course_of(row): int(row["module_presentation_length"]) for row in _table(folder / "courses.csv")
    }
    results = {enrollment_of(row): row["final_result"] for row in _table(folder / "studentInfo.csv")}
    registered = {}
    enrollments = {}
    for row in _table(folder / "studentRegistration.csv"):
        came, left = _day(row, "date_registration"), _day(row, "date_unregistration")
        start = first_day(course_of(row))
        end = start + timedelta(days=length[course_of(row)] - 1)
        withdrawn = left is not None or results[enrollment_of(row)] == "Withdrawn"
        registered[enrollment_of(row)] = came, left
        enrollments[enrollment_of(row)] = (
            "dropped" if withdrawn else "completed",
            midnight(came or min(start, left or start)),
            midnight(left or end),
        )
    quizzes = {
        row["id_assessment"]: Quiz(
            line=line,
            course=course_of(row),
            title=f"{row['assessment_type']} {row['id_assessment']}",
            week=None
            if row["assessment_type"] == "Exam" or row["date"] == "?"
            else 1 + int(row["date"]) // 7,
            last_day=_day(row, "date"),
        )
        for line, row in enumerate(_table(folder / "assessments.csv"), start=2)
    }
    attempts = [
        Attempt(
            line=line,
            student=address_of(row),
            quiz=quizzes[row["id_assessment"]],
            day=first_day(quizzes[row["id_assessment"]].course) + timedelta(days=int(row["date_submitted"])),
            points=int(row["score"]) if row["score"].isdecimal() else None,
            banked=row["is_banked"] == "1",
        )
        for line, row in enumerate(_table(folder / "studentAssessment.csv"), start=2)
    ]
    assert all((attempt.student, attempt.quiz.course) in registered for attempt in attempts)
    return Dataset(length, enrollments, list(quizzes.values()), attempts, registered)


def course_of(row: dict[str, str]) -> str:
    return f"OULAD-{row['code_module']}-{row['code_presentation']}"


def title_of(course: str) -> str:
    """What a course is called."""
    _, module, presentation = course.split("-")
    return f"Module {module}, presentation {presentation}"


def module_of(course: str) -> str:
    """What a course is a presentation of."""
    return course.split("-")[1]


def address_of(row: dict[str, str]) -> str:
    return f"student-{row['id_student']}@oulad.example"


def enrollment_of(row: dict[str, str]) -> Enrollment:
    return address_of(row), course_of(row)


def first_day(code: str) -> date:
    """Of a course, or of a term."""
    return date(int(code[-5:-1]), {"B": 2, "J": 10}[code[-1]], 1)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(row: dict[str, str], name: str) -> date | None:
    return None if row[name] == "?" else first_day(course_of(row)) + timedelta(days=int(row[name]))


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _amount(attempts: Iterable[Attempt]) -> Performance:
    # On one day, the later line of assessments.csv comes last.
    shares = [
        attempt.share for attempt in sorted(attempts, key=lambda attempt: (attempt.day, attempt.quiz.line))
    ]
    best = max(shares)
    return Performance(
        attempts=len(shares),
        best_score=rounded(best),
        last_score=rounded(shares[-1]),
        average_score=rounded(sum(shares) / Fraction(len(shares))),
        mastery="mastered" if best >= MASTERED else "developing" if best >= DEVELOPING else "remedial",
    )


def rounded(share: Fraction) -> Decimal:
    """To four decimals, half away from zero."""
    exact = Decimal(share.numerator) / Decimal(share.denominator)
    return exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
