-- regrades/read_regrade
-- How far a regrade is, for whoever teaches the course of the quiz.
--
-- $1  token_hash  bytea
-- $2  regrade_id  uuid
--
-- result  json  Regrade    404: no such regrade for this actor
-- index   regrades_pk, quizzes_pk, courses_pk

select /* regrades/read_regrade */
    case
        when regrades.regrade_id is not null then json_build_object(
            'id', regrades.regrade_id,
            'quiz_id', regrades.quiz_id,
            'state', regrades.state,
            'attempts_regraded', regrades.attempts_regraded,
            'scores_changed', regrades.scores_changed,
            'attempts_failed', regrades.attempts_failed,
            'requested_by', regrades.requested_by,
            'requested_at', regrades.requested_at,
            'started_at', regrades.started_at,
            'finished_at', regrades.finished_at
        )
    end as document
from lms.actor($1) as actor
left join (
    lms.regrades
    join lms.quizzes on quizzes.quiz_id = regrades.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
)
    on regrades.regrade_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id);
