-- grades/put_grade
-- Give points and comments to questions of an attempt that was handed in, and grade it by them, by whoever teaches its
-- course and has seen its present version. With a row of audit, and a mail if it had another score before.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  reviews     jsonb    {"points", "comment"?} by the id of the question; null takes one back
--
-- result  versioned  Grade    404: no such attempt for this actor to grade
-- fails   quiz_attempts_reviews_ck       422 /reviews Give a JSON object of at most 256 KiB.
-- fails   quiz_attempts_handed_in        409 The attempt is not handed in yet.
-- fails   quiz_reviews_form              422 /reviews Give points, and a comment or none, by the id of the question.
-- fails   quiz_reviews_points            422 /reviews Give 0 to the points of the question, with at most two decimals.
-- fails   quiz_reviews_unknown_question  422 /reviews There is no such question.
-- index   quiz_attempts_pk, quizzes_pk, courses_pk

select /* grades/put_grade */
    case
        when reviewed.attempt_id is not null then json_build_object(
            'id', reviewed.attempt_id,
            'quiz_id', reviewed.quiz_id,
            'student_id', reviewed.student_id,
            'state', reviewed.state,
            'score', reviewed.score,
            'max_score', reviewed.max_score,
            'reviews', reviewed.reviews,
            'feedback', reviewed.feedback,
            'version', reviewed.version,
            'submitted_at', reviewed.submitted_at,
            'graded_at', reviewed.graded_at
        )
    end as document,
    reviewed.version
from lms.actor($1) as actor
left join lms.review_attempt($1, $2, $3, $4) as reviewed on true;
