-- attempts/submit_attempt
-- Hand in an attempt, by its student, and grade it: with these answers in place of those saved, or with those saved.
-- Whoever hands it in again is told what became of it, and changes nothing.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
-- $3  answers     jsonb  all of them; null for those saved
--
-- result  versioned  Attempt    404: no such attempt of this actor
-- fails   quiz_answers_form              422 /answers The question takes another kind of answer.
-- fails   quiz_answers_unknown_question  422 /answers There is no such question.
-- fails   quiz_answers_unknown_stem      422 /answers There is no such stem.
-- fails   quiz_attempts_answers_ck       422 /answers Give a JSON object of at most 256 KiB.
-- index   quizzes_pk, quiz_versions_pk, users_pk

select /* attempts/submit_attempt */
    case
        when submitted.attempt_id is not null then json_build_object(
            'id', submitted.attempt_id,
            'quiz_id', submitted.quiz_id,
            'course_id', quizzes.course_id,
            'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
            'attempt_number', submitted.attempt_number,
            'state', submitted.state,
            'quiz_version', submitted.quiz_version,
            'questions', versions.questions,
            'answers', submitted.answers,
            'score', submitted.score,
            'max_score', submitted.max_score,
            'feedback', case when revealed.key is not null then submitted.feedback end,
            'key', revealed.key,
            'reviews', null,
            'started_at', submitted.started_at,
            'due_at', submitted.due_at,
            'submitted_at', submitted.submitted_at,
            'graded_at', submitted.graded_at,
            'version', submitted.version
        )
    end as document,
    submitted.version
from lms.actor($1) as actor
left join (
    lms.submit_attempt($1, $2, jsonb_strip_nulls(nullif($3::jsonb, 'null'))) as submitted
    join lms.quizzes on quizzes.quiz_id = submitted.quiz_id
    join lms.quiz_versions as versions
        on versions.quiz_id = submitted.quiz_id and versions.version_number = submitted.quiz_version
    join lms.users as students on students.user_id = submitted.student_id
) on true
left join lateral lms.reveal_answer_key($1, submitted.attempt_id) as revealed on true;
