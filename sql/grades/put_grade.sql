-- grades/put_grade
-- Give points and comments to questions of an attempt that was handed in, and grade it by them, by whoever teaches its
-- course and has seen its present version.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  reviews     jsonb    {"points", "comment"?} by the id of the question; null takes one back
--
-- result  versioned  Grade    404: no such attempt for this actor to grade
-- fails   quiz_attempts_handed_in        409 The attempt is not handed in yet.
-- fails   quiz_reviews_form              422 /reviews Give points, and a comment or none, by the id of the question.
-- fails   quiz_reviews_points            422 /reviews Give 0 to the points of the question, with at most two decimals.
-- fails   quiz_reviews_unknown_question  422 /reviews There is no such question.
-- fails   quiz_attempts_reviews_ck
-- index   quiz_attempts_pk, quizzes_pk, courses_pk

with /* grades/put_grade */ actor as (
    select user_id, role from lms.actor($1)
),
reviewed as materialized (
    select
        its.attempt_id,
        its.quiz_id,
        its.student_id,
        its.state,
        its.score,
        its.max_score,
        its.reviews,
        its.feedback,
        its.version,
        its.submitted_at,
        its.graded_at
    from actor
    cross join lms.review_attempt($1, $2, $3, $4) as its
),
audited as (
    -- This statement sees the attempt as it was before.
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        actor.user_id,
        'grades.update',
        reviewed.student_id,
        quizzes.course_id,
        jsonb_build_object(
            'attempt_id', jsonb_build_object('from', reviewed.attempt_id, 'to', reviewed.attempt_id),
            'score', jsonb_build_object('from', before.score, 'to', reviewed.score)
        )
    from reviewed
    join lms.quiz_attempts as before on before.attempt_id = reviewed.attempt_id
    join lms.quizzes on quizzes.quiz_id = reviewed.quiz_id
    cross join actor
)
select
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
from actor
left join reviewed on true;
