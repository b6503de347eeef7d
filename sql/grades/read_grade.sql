-- grades/read_grade
-- What an attempt is worth, question by question, and what a person decided about it, for whoever teaches its course
-- and for nobody else.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
--
-- result  versioned  Grade    404: no such attempt for this actor to grade
-- index   quiz_attempts_pk, quizzes_pk, courses_pk

select /* grades/read_grade */
    case
        when attempts.attempt_id is not null then json_build_object(
            'id', attempts.attempt_id,
            'quiz_id', attempts.quiz_id,
            'student_id', attempts.student_id,
            'state', attempts.state,
            'score', attempts.score,
            'max_score', attempts.max_score,
            'reviews', attempts.reviews,
            'feedback', attempts.feedback,
            'version', attempts.version,
            'submitted_at', attempts.submitted_at,
            'graded_at', attempts.graded_at
        )
    end as document,
    attempts.version
from lms.actor($1) as actor
left join (
    lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
)
    on attempts.attempt_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id);
