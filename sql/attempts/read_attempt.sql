-- attempts/read_attempt
-- One attempt with its questions and answers, for its student while they are on the course, and for whoever teaches it.
-- Points by question and what is right come through the two doors to the key, and so to a student when the quiz says
-- so; the score, once there is one, is no secret.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
--
-- result  versioned  Attempt    404: no such attempt for this actor
-- index   quiz_attempts_pk, quizzes_pk, courses_pk, quiz_versions_pk, users_pk, student_enrollments_pk

select /* attempts/read_attempt */
    case
        when attempts.attempt_id is not null then json_build_object(
            'id', attempts.attempt_id,
            'quiz_id', attempts.quiz_id,
            'course_id', quizzes.course_id,
            'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
            'attempt_number', attempts.attempt_number,
            'state', attempts.state,
            'quiz_version', attempts.quiz_version,
            'questions', versions.questions,
            'answers', attempts.answers,
            'score', attempts.score,
            'max_score', attempts.max_score,
            'feedback', case when taught.key is not null or revealed.key is not null then attempts.feedback end,
            'key', coalesce(taught.key, revealed.key),
            'reviews', case when taught.key is not null then attempts.reviews end,
            'started_at', attempts.started_at,
            'due_at', attempts.due_at,
            'submitted_at', attempts.submitted_at,
            'graded_at', attempts.graded_at,
            'version', attempts.version
        )
    end as document,
    attempts.version
from lms.actor($1) as actor
left join (
    lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    join lms.quiz_versions as versions
        on versions.quiz_id = attempts.quiz_id and versions.version_number = attempts.quiz_version
    join lms.users as students on students.user_id = attempts.student_id
)
    on attempts.attempt_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or (
            attempts.student_id = actor.user_id
            and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
        )
    )
left join lateral lms.read_answer_key($1, attempts.quiz_id, attempts.quiz_version) as taught on true
left join lateral lms.reveal_answer_key($1, attempts.attempt_id) as revealed on true;
