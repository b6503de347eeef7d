-- answer_keys/put_answer_key
-- Correct the key to a version of a quiz, by whoever teaches its course and has seen the present key. The questions
-- stay as they are, and attempts keep their scores until a regrade.
--
-- $1  token_hash      bytea
-- $2  quiz_id         uuid
-- $3  version_number  integer
-- $4  version         integer  the version of the key that was seen; null for whichever there is
-- $5  key             jsonb    an object by the id of the question, as migrations/0024_create_quizzes.sql says
--
-- result  versioned  AnswerKey    404: no such version of a quiz for this actor to teach
-- fails   quiz_key_form              422 /key Give an object with what is right by the id of the question.
-- fails   quiz_key_missing           422 /key The key lacks this.
-- fails   quiz_key_range             422 /key The tolerance or the range is none.
-- fails   quiz_key_twice             422 /key The same thing is there twice.
-- fails   quiz_key_unknown_option    422 /key There is no such option.
-- fails   quiz_key_unknown_question  422 /key There is no such question.
-- fails   quiz_answer_keys_key_ck    422 /key Give a JSON object of at most 256 KiB.
-- index   quiz_answer_keys_pk, quizzes_pk, courses_pk, quiz_attempts_quiz_id_quiz_version_graded_by_key_attempt_id_ix

with /* answer_keys/put_answer_key */ actor as (
    select user_id, role from lms.actor($1)
),
put as materialized (
    select
        its.key_version,
        its.corrected
    from actor
    cross join lms.correct_answer_key($1, $2, $3, $4, $5) as its
),
audited as (
    insert into lms.audit_events (actor_id, action, course_id, changes)
    select
        actor.user_id,
        'answer_keys.update',
        quizzes.course_id,
        jsonb_build_object(
            'quiz_id', jsonb_build_object('from', $2::uuid, 'to', $2::uuid),
            'version_number', jsonb_build_object('from', $3::integer, 'to', $3::integer),
            'key_version', jsonb_build_object('from', put.key_version - 1, 'to', put.key_version)
        )
    from put
    join lms.quizzes on quizzes.quiz_id = $2
    cross join actor
    where put.corrected
)
select
    case
        when put.corrected is not null then json_build_object(
            'quiz_id', $2::uuid,
            'version_number', $3::integer,
            'key_version', put.key_version,
            'key', $5,
            'regrade_due', lms.wants_regrade($2, $3, put.key_version)
        )
    end as document,
    put.key_version as version
from actor
left join put on true;
