-- quizzes/read_questions
-- The present questions of a quiz and their key, for whoever teaches its course and for nobody else.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
--
-- result  versioned  QuizQuestions    404: no such quiz for this actor to teach
-- index   quizzes_pk, courses_pk, quiz_versions_pk

select /* quizzes/read_questions */
    case
        when quizzes.quiz_id is not null then json_build_object(
            'id', quizzes.quiz_id,
            'version', quizzes.version,
            'version_number', versions.version_number,
            'max_score', versions.max_score,
            'questions', coalesce(versions.questions, '[]'),
            'key', coalesce(keys.key, '{}')
        )
    end as document,
    quizzes.version
from lms.actor($1) as actor
left join (
    lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    left join lms.quiz_versions as versions
        on versions.quiz_id = quizzes.quiz_id and versions.version_number = quizzes.current_version
)
    on quizzes.quiz_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
left join lateral lms.read_answer_key($1, quizzes.quiz_id, versions.version_number) as keys on true;
