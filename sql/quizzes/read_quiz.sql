-- quizzes/read_quiz
-- One quiz without its questions, for whoever teaches its course, and for those on it unless it is a draft.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
--
-- result  versioned  Quiz    404: no such quiz for this actor
-- index   quizzes_pk, courses_pk, student_enrollments_pk

select /* quizzes/read_quiz */
    case
        when quizzes.quiz_id is not null then json_build_object(
            'id', quizzes.quiz_id,
            'course_id', quizzes.course_id,
            'week_number', quizzes.week_number,
            'title', quizzes.title,
            'state', quizzes.state,
            'opens_at', quizzes.opens_at,
            'closes_at', quizzes.closes_at,
            'time_limit_seconds', quizzes.time_limit_seconds,
            'attempts_allowed', quizzes.attempts_allowed,
            'score_policy', quizzes.score_policy,
            'feedback_policy', quizzes.feedback_policy,
            'current_version', quizzes.current_version,
            'version', quizzes.version,
            'created_at', quizzes.created_at,
            'updated_at', quizzes.updated_at
        )
    end as document,
    quizzes.version
from lms.actor($1) as actor
left join (
    lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
)
    on quizzes.quiz_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or (
            quizzes.state <> 'draft'
            and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
        )
    );
