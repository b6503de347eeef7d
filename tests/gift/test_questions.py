"""What a GIFT text becomes here: questions and key that the service takes, or a reason by line."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.gift.questions import GiftQuiz, read_quiz
from tests.conftest import TestDatabase

WITHOUT_DATABASE = pytest.mark.once


def read(text: str) -> GiftQuiz:
    return read_quiz(text.encode())


def only(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    quiz = read_quiz(text.encode(), keep_order=True)
    assert (quiz.defects, quiz.left_out) == ([], [])
    (found,) = quiz.questions
    return found.question, found.key


def options(*texts: str) -> list[dict[str, str]]:
    return [{"id": f"o{number}", "text": text} for number, text in enumerate(texts, start=1)]


@WITHOUT_DATABASE
@pytest.mark.parametrize(
    ("text", "question", "key"),
    [
        ("{}", {"type": "essay"}, {}),
        ("{T}", {"type": "true_false"}, {"correct": True}),
        ("{FALSE#no#yes####so}", {"type": "true_false"}, {"correct": False, "explanation": "so\nno\nyes"}),
        (
            "{~a#x =b ~%0%c}",
            {"type": "single_choice", "options": options("a", "b", "c")},
            {"correct": "o2", "explanation": "a: x"},
        ),
        ("{~a =%100%b}", {"type": "single_choice", "options": options("a", "b")}, {"correct": "o2"}),
        ("{~a ~%100%b ~%-100%c}", None, None),
        (
            "{~%50%a ~%50%b ~%-50%c}",
            {"type": "multiple_choice", "options": options("a", "b", "c")},
            {"correct": ["o1", "o2"]},
        ),
        (
            "{~%33%a ~%33.333%b ~%33.3%c ~%-33%d}",
            {"type": "multiple_choice", "options": options("a", "b", "c", "d")},
            {"correct": ["o1", "o2", "o3"]},
        ),
        ("{four}", {"type": "short_answer"}, {"accepted": ["four"]}),
        ("{=four =%100%4}", {"type": "short_answer"}, {"accepted": ["four", "4"]}),
        (r"{=2\*2}", {"type": "short_answer"}, {"accepted": ["2*2"]}),
        ("{#3}", {"type": "numeric"}, {"value": 3}),
        ("{#3:0}", {"type": "numeric"}, {"value": 3}),
        ("{#3:0.1}", {"type": "numeric"}, {"value": 3, "absolute_tolerance": 0.1}),
        ("{#1..5}", {"type": "numeric"}, {"minimum": 1, "maximum": 5}),
        (
            "{#=1152921504606846977#exact}",
            {"type": "numeric"},
            {"value": 2**60 + 1, "explanation": "1152921504606846977: exact"},
        ),
        (
            "{#-1152921504606846977:+9007199254740993}",
            {"type": "numeric"},
            {"value": -(2**60) - 1, "absolute_tolerance": 2**53 + 1},
        ),
        (
            "{#9007199254740993..9007199254740995}",
            {"type": "numeric"},
            {"minimum": 2**53 + 1, "maximum": 2**53 + 3},
        ),
        (
            "{#=1234567.5#yes ~%0%1234568#no ~%0%-0.1#less}",
            {"type": "numeric"},
            {"value": 1234567.5, "explanation": "1234567.5: yes\n1234568: no\n-0.1: less"},
        ),
        (
            "{#=2.0..1234567.25#about}",
            {"type": "numeric"},
            {"minimum": 2, "maximum": 1234567.25, "explanation": "2 to 1234567.25: about"},
        ),
        (
            "{#=%0%5#five =9#nine ~#other}",
            {"type": "numeric"},
            {"value": 9, "explanation": "5: five\n9: nine\nother"},
        ),
        (
            "{=Q->Z =P->a =R->Z =->b}",
            {
                "type": "matching",
                "stems": [
                    {"id": "s1", "text": "Q"},
                    {"id": "s2", "text": "P"},
                    {"id": "s3", "text": "R"},
                ],
                "options": options("a", "b", "Z"),
            },
            {"correct": {"s1": "o3", "s2": "o1", "s3": "o3"}},
        ),
    ],
)
def test_a_question_becomes(text: str, question: dict[str, Any] | None, key: dict[str, Any] | None) -> None:
    if question is None or key is None:
        assert [found.kind for found in read(f"What? {text}").left_out] == ["weights"]
        return
    usual = {"id": "q1", "prompt": "What?", "points": 1}
    assert only(f"What? {text}") == (usual | question, {"type": question["type"]} | key)


@WITHOUT_DATABASE
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Read chapter 3.", "description"),
        ("$CATEGORY: top\n\nWhat? {T}", "category"),
        ("What? {=a ~%50%b ~c}", "weights"),
        ("What? {=a ~%-50%b}", "weights"),
        ("What? {=%50%a ~b}", "weights"),
        ("What? {~%50%a ~%50%b ~c}", "weights"),
        ("What? {~%60%a ~%40%b ~%-50%c}", "weights"),
        ("What? {~%50%a ~%50%b ~%-100%c}", "weights"),
        ("What? {=a =%75%b}", "weights"),
        ("What? {#=1 =%50%1:2}", "weights"),
        ("What? {#=%0%5 =5:1}", "weights"),
        ("What? {=a =b ~c}", "several_right"),
        ("What? {#=1 =2}", "several_right"),
        ("What? {=a*}", "wildcard"),
    ],
)
def test_what_cannot_be_asked_is_named_with_its_line(text: str, kind: str) -> None:
    quiz = read(f"\n{text}\n")
    assert quiz.defects == []
    assert [(found.place.line, found.kind) for found in quiz.left_out] == [(2, kind)]
    assert quiz.left_out[0].detail.endswith(".")
    assert len(quiz.unsupported) == (kind != "category")


@WITHOUT_DATABASE
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What? {~a ~b}", "None of the answers is right."),
        ("What? {~%-50%a ~b}", "None of the answers is right."),
        ("What? {~%50%a ~%50%a ~%-50%b}", "Two answers have the same text."),
        ("What? {~a =a}", "Two answers have the same text."),
        ("What? {~%100%a}", "at least two answers"),
        ("What? {=a -> b}", "at least two answers"),
        ("What? {=a -> b = -> c}", "at least two pairs"),
        ("What? {=a -> b =a -> c}", "Two pairs have the same text."),
        ("What? {=a =a}", "accepted: The same thing is there twice."),
        ("What? {#1e301}", "value: "),
        (f"{'x' * 10_001} {{T}}", "prompt: "),
        (f"What? {{=a ~{'x' * 2_001}}}", "text: "),
        (f"What? {{T####{'x' * 5_001}}}", "explanation: "),
        (f"What? {{={'x' * 501}}}", "accepted: "),
        ("", "There is no question"),
        ("// What? {T}", "There is no question"),
    ],
)
def test_what_would_be_refused_is_a_defect_with_a_sentence(text: str, words: str) -> None:
    quiz = read(text)
    assert quiz.questions == []
    assert [found.place.line for found in quiz.defects] == [1]
    assert words in quiz.defects[0].detail


@WITHOUT_DATABASE
def test_questions_are_numbered_in_their_order_and_two_hundred_at_most() -> None:
    quiz = read("Text.\n\nOne {T}\n\n::Two:: [html]<b>2</b> {F}\n")
    assert [(each.question["id"], each.title, each.format) for each in quiz.questions] == [
        ("q1", None, "moodle"),
        ("q2", "Two", "html"),
    ]
    assert read("What? {T}\n\n" * 200).defects == []
    (defect,) = read("What? {T}\n\n" * 203).defects
    assert (defect.place.line, "at most 200" in defect.detail) == (401, True)


@WITHOUT_DATABASE
@pytest.mark.parametrize("item", ["$CATEGORY: a", "Read chapter 3.", "What? {=a*}"])
def test_whatever_becomes_of_them_a_text_has_a_thousand_items_at_most(item: str) -> None:
    """What is left out is told one by one: a text of short lines would have an answer many times its size."""
    at_most = read(f"{item}\n\n" * 999 + "What? {T}")
    assert (len(at_most.left_out), len(at_most.questions), at_most.defects) == (999, 1, [])
    quiz = read(f"{item}\n\n" * 1_003)
    (defect,) = quiz.defects
    assert (len(quiz.left_out), defect.place.line, "at most 1,000" in defect.detail) == (1_000, 2_001, True)


@WITHOUT_DATABASE
def test_categories_alone_are_no_question() -> None:
    (defect,) = read("$CATEGORY: a\n\n$CATEGORY: b\n").defects
    assert (defect.place.line, "There is no question" in defect.detail) == (1, True)


# The order of options


def choices(quiz: GiftQuiz) -> list[tuple[list[str], set[str]]]:
    """The options of each choice, and which of them are right."""
    found = []
    for each in quiz.questions:
        if each.key["type"] in ("single_choice", "multiple_choice"):
            texts = {option["id"]: option["text"] for option in each.question["options"]}
            right = each.key["correct"]
            found.append(
                (list(texts.values()), {texts[id_] for id_ in ([right] if isinstance(right, str) else right)})
            )
    return found


@WITHOUT_DATABASE
@pytest.mark.parametrize("answers", ["=leaf ~moss ~sky ~sea", "~%50%leaf ~%50%moss ~%-50%sky ~%-50%sea"])
def test_the_place_of_an_option_tells_nothing_of_it(answers: str) -> None:
    """Whoever wrote these had the right ones first throughout."""
    text = "\n\n".join(f"What is green in picture {number}? {{{answers}}}" for number in range(200))
    places = Counter(options.index("leaf") for options, _ in choices(read(text)))
    # 50 each, give or take three standard deviations.
    assert all(abs(places[place] - 50) <= 18 for place in range(4)), places
    kept = choices(read_quiz(text.encode(), keep_order=True))
    assert {options.index("leaf") for options, _ in kept} == {0}


@WITHOUT_DATABASE
def test_the_real_files_have_the_same_options_in_another_order(real_data: Path) -> None:
    moved = 0
    for file in sorted((real_data / "quizzes" / "gift").glob("*.gift")):
        written = [
            [choice["text"]["text"] for choice in item["choices"]]
            for item in json.loads(file.with_suffix(".json").read_text())
            if item["type"] == "MC"
        ]
        content = file.read_bytes()
        kept, mixed = choices(read_quiz(content, keep_order=True)), choices(read_quiz(content))
        assert all(options in written for options, _ in kept)
        assert [(sorted(options), right) for options, right in mixed] == [
            (sorted(options), right) for options, right in kept
        ]
        moved += sum(one != other for one, other in zip(kept, mixed, strict=True))
    assert moved >= 5


# The service takes what is read


QUESTIONS = 38
LEFT_OUT = {"category": 1, "description": 5, "weights": 5}
"""Of the 15 real files, by their references: 47 items, less one category, five descriptions and six with weights
that are no partial credit here, of which one is in order (two right, two wrong, 50 % each)."""


def defects_in(database: TestDatabase, quiz: GiftQuiz) -> list[Any]:
    version = quiz.version().model_dump()
    questions, key = (json.dumps(version[name]) for name in ("questions", "key"))
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(
            "select found.rule, found.pointer from lms.questions_defect(%(questions)s::jsonb) as found "
            "union all select found.rule, found.pointer from lms.key_defect(%(questions)s::jsonb, %(key)s::jsonb) "
            "as found",
            {"questions": questions, "key": key},
        ).fetchall()


def test_the_database_takes_all_that_is_read_of_the_real_files(
    module_database: TestDatabase, real_data: Path
) -> None:
    number = 0
    kinds: list[str] = []
    for file in sorted((real_data / "quizzes" / "gift").glob("*.gift")):
        quiz = read_quiz(file.read_bytes())
        kinds += [found.kind for found in quiz.left_out]
        number += len(quiz.questions)
        if quiz.questions:
            assert quiz.defects == []
            assert defects_in(module_database, quiz) == [(None, None)] * 2, file.name
    assert {kind: kinds.count(kind) for kind in set(kinds)} == LEFT_OUT
    assert number == QUESTIONS - 2


def test_the_database_takes_whatever_is_read_of_random_texts(module_database: TestDatabase) -> None:
    random_ = random.Random(11)  # noqa: S311 - the same each time
    marks = [
        "{",
        "{=",
        "}",
        "}",
        "=",
        "~",
        "~%50%",
        "~%-50%",
        "#",
        "####",
        "->",
        "{T}",
        "{}",
        "#1:2",
        "{#1..2",
    ]
    words = [
        *marks,
        "a",
        "b*",
        "T",
        "x",
        "[html]",
        "::t::",
        "\\",
        "\ufffe",
        "é",
        "\U0001d6fc",
        "\n\n",
        "\u00a0",
    ]
    taken = 0
    texts = []
    for _ in range(4_000):
        quiz = read("x " + "".join(random_.choices(words, k=random_.randrange(4, 12))))
        if quiz.questions:
            version = quiz.version().model_dump()
            texts.append((json.dumps(version["questions"]), json.dumps(version["key"])))
            taken += 1
    assert taken > 300
    with psycopg.connect(module_database.admin_url) as connection:
        found = connection.execute(
            "select q.questions, q.key, (lms.questions_defect(q.questions)).rule, "
            "(lms.key_defect(q.questions, q.key)).rule "
            "from unnest(%s::text[]::jsonb[], %s::text[]::jsonb[]) as q (questions, key)",
            tuple(list(column) for column in zip(*texts, strict=True)),
        ).fetchall()
    assert [row for row in found if row[2:] != (None, None)] == []
