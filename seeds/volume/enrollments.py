"""Who is on which course, and the audit events that tell how they got there and what became of it.

In each term that a student takes part in they enrol in 1 to 8 courses, the popular ones first of all, as long as there
are seats. Terms that are over end with `completed` or `dropped`; in the present one they are `active`, `invited` or
have `dropped`.
"""

from array import array
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import gcd
from typing import Final

from seeds.volume.calendar import Term, terms, timestamp
from seeds.volume.courses import Offer, offered, seats
from seeds.volume.draws import Choice, Draw, Keys, draws
from seeds.volume.figures import Figures
from seeds.volume.people import students, students_until

TAKES_PART: Final = 0.9
"""How many of the students who have come enrol in a term; the others pause."""
COURSES_OF_A_TERM: Final = Choice(range(1, 9), (6, 10, 18, 26, 22, 11, 5, 2))
COURSES_ON_AVERAGE: Final = 4.07
MORE_TRIES: Final = 4
"""How often a student asks again where a course is full or theirs already, before going without."""

STATES: Final = ("completed", "dropped", "active", "invited")
COMPLETED, DROPPED, ACTIVE, INVITED = range(4)
OF_A_PAST_TERM: Final = Choice((COMPLETED, DROPPED), (88, 12))
OF_THE_PRESENT_TERM: Final = Choice((ACTIVE, INVITED, DROPPED), (85, 7, 8))

_CREATED: Final = {
    state: f'{{"state": {{"from": null, "to": "{"invited" if state == INVITED else "active"}"}}}}'
    for state in range(len(STATES))
}
_CHANGED: Final = {
    state: f'{{"state": {{"from": "active", "to": "{STATES[state]}"}}}}' for state in (COMPLETED, DROPPED)
}


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The enrolments of a term, in the order in which they were made: nine bytes each."""

    offer: Offer
    capacities: list[int]
    """Of the courses of the offer."""
    seats_taken: list[int]
    """Those of whoever has not dropped the course."""
    students: "array[int]"
    courses: "array[int]"
    """Places in the offer."""
    states: "array[int]"


@lru_cache(maxsize=1)
def enrolled(figures: Figures, number: int) -> Enrolled:
    """The enrolments of the term of this number, after all that became of them."""
    offer = offered(figures, number)
    here = students_until(figures, number)
    capacities = seats(offer, int(here * TAKES_PART * COURSES_ON_AVERAGE))
    taken = [0] * len(capacities)
    found = Enrolled(offer, capacities, taken, array("I"), array("I"), array("B"))
    total = sum(offer.popularity)
    if total == 0:
        return found
    bounds = list(accumulate(offer.popularity))
    becomes = OF_A_PAST_TERM if offer.term.is_over else OF_THE_PRESENT_TERM
    draw = draws(figures.seed, "enrollments", number)
    for who in _in_some_order(here, draw):
        if draw() >= TAKES_PART:
            continue
        wanted = COURSES_OF_A_TERM(draw())
        theirs: set[int] = set()
        for _ in range(wanted + MORE_TRIES):
            course = bisect(bounds, int(draw() * total))
            if course in theirs or taken[course] == capacities[course]:
                continue
            theirs.add(course)
            state = becomes(draw())
            if state != DROPPED:
                taken[course] += 1
            found.students.append(who)
            found.courses.append(course)
            found.states.append(state)
            if len(theirs) == wanted:
                break
    return found


def course_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    """Here, because it takes the enrolments to say how many seats are taken."""
    for term in terms(figures):
        found = enrolled(figures, term.number)
        for course, capacity, seats_taken in zip(
            found.offer.courses, found.capacities, found.seats_taken, strict=True
        ):
            at = timestamp(course.made)
            yield (
                course.key,
                course.code,
                course.title,
                course.description,
                term.key,
                course.lecturer_id,
                capacity,
                seats_taken,
                course.state,
                at,
                at,
            )


def enrollment_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    student = students(figures)
    for term in terms(figures):
        found = enrolled(figures, term.number)
        enrolling, count = term.enrolling, len(found.students)
        changes = _Changes(found)
        for place, (who, course, state) in enumerate(
            zip(found.students, found.courses, found.states, strict=True)
        ):
            made = timestamp(enrolling.at(place, count))
            changed = changes.next_of(state)
            yield (
                student(who)[0],
                found.offer.courses[course].key,
                STATES[state],
                1 if changed is None else 2,
                made,
                made if changed is None else timestamp(changed),
            )


def audit_event_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    """In the order of their times: all are enrolled, then some drop out, and at the end the others complete.

    Nobody did it: `actor_id` is null, as for all that comes from the command line.
    """
    student = students(figures)
    for term in terms(figures):
        found = enrolled(figures, term.number)
        keys = Keys(figures.seed, "audit_events", term.number)
        number, count = 0, len(found.students)
        for wanted in (None, DROPPED, COMPLETED):
            changes = _Changes(found)
            for place, (who, course, state) in enumerate(
                zip(found.students, found.courses, found.states, strict=True)
            ):
                if wanted is None:
                    at, action, what = term.enrolling.at(place, count), "enrollments.create", _CREATED[state]
                elif state == wanted and (changed := changes.next_of(state)) is not None:
                    at, action, what = changed, "enrollments.update", _CHANGED[state]
                else:
                    continue
                number += 1
                yield (
                    keys.key(number, at),
                    timestamp(at),
                    action,
                    student(who)[0],
                    found.offer.courses[course].key,
                    what,
                )


def expected_enrollments(figures: Figures) -> int:
    """About how many there are going to be."""
    return int(
        sum(students_until(figures, term.number) for term in terms(figures)) * TAKES_PART * COURSES_ON_AVERAGE
    )


class _Changes:
    """When enrolments came to their last state, asked for in the order in which they were made."""

    def __init__(self, found: Enrolled) -> None:
        self._term: Term = found.offer.term
        self._counts = {state: found.states.count(state) for state in (DROPPED, COMPLETED)}
        self._places = dict.fromkeys(self._counts, 0)

    def next_of(self, state: int) -> int | None:
        """The time of the next one that came to this state; None where it is the state they began with."""
        if state not in self._counts:
            return None
        place = self._places[state]
        self._places[state] = place + 1
        span = self._term.dropping if state == DROPPED else self._term.completing
        return span.at(place, self._counts[state])


def _in_some_order(count: int, draw: Draw) -> Iterator[int]:
    """The numbers from 0, none next to its neighbour, without a list of them."""
    step = max(1, int(count * (0.35 + 0.3 * draw())))
    while gcd(step, count) > 1:
        step += 1
    place = int(draw() * count)
    for _ in range(count):
        yield place
        place = (place + step) % count
