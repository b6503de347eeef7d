-- answer_keys/read_answer_key
-- The key to a version of a quiz, and whether some of its attempts were graded by an older one, for whoever teaches its
-- course and for nobody else.
--
-- $1  token_hash      bytea
-- $2  quiz_id         uuid
-- $3  version_number  integer
--
-- result  versioned  AnswerKey    404: no such version of a quiz for this actor to teach
-- index   quiz_answer_keys_pk, quizzes_pk, courses_pk, quiz_attempts_quiz_id_quiz_version_graded_by_key_attempt_id_ix

select /* answer_keys/read_answer_key */
    case
        when keys.key_version is not null then json_build_object(
            'quiz_id', $2::uuid,
            'version_number', $3::integer,
            'key_version', keys.key_version,
            'key', keys.key,
            'regrade_due', lms.wants_regrade($2, $3, keys.key_version)
        )
    end as document,
    keys.key_version as version
from lms.actor($1) as actor
left join lms.read_answer_key($1, $2, $3) as keys on true;
