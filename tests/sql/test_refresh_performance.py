"""What follows from grading is computed student by student, whatever the server knows of the tables.

Before statistics are there, as after an import, one index seems as good as another. One that begins with the quiz reads
all who took it, again for each of them.
"""

from typing import Any

import psycopg
import pytest

from tests.support.many_attempts import fill

ATTEMPTS = 2_000
READ = "select pg_stat_get_xact_blocks_fetched('lms.quiz_attempts'::regclass)"
"""Pages of the table that this transaction looked at, those in memory included."""


@pytest.mark.parametrize("known", ["nothing", "of an empty table", "all"])
def test_a_regrade_reads_each_attempt_a_few_times(owner: psycopg.Connection[Any], known: str) -> None:
    owner.execute("alter table lms.quiz_attempts set (autovacuum_enabled = off)")
    if known == "of an empty table":
        owner.execute("vacuum analyze")
    with owner.transaction():
        fill(owner, ATTEMPTS)
    if known == "all":
        owner.execute("vacuum analyze")
    with owner.transaction():
        graded = owner.execute(
            "select count(*) from lms.regrade_attempts((select quiz_id from lms.quizzes), %s)", (ATTEMPTS,)
        ).fetchall()
        ((read,),) = owner.execute(READ).fetchall()
    assert graded == [(ATTEMPTS,)]
    assert read < 20 * ATTEMPTS, read
