-- quizzes/import_questions
-- Save the first questions of a quiz that quizzes/create_quiz has made in this transaction, with their key, and report
-- where they stood in the text that they were read from. What a dry run does is rolled back.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
-- $3  questions   jsonb    an array, as migrations/0024_create_quizzes.sql says
-- $4  key         jsonb    an object by the id of the question, likewise
-- $5  imported    jsonb    an array of ImportedQuestion, for the report
-- $6  left_out    jsonb    an array of LeftOutQuestion, for the report
-- $7  dry_run     boolean
--
-- result  versioned  QuizImport    404: no such quiz for this actor to change
-- fails   quiz_questions_form        422 /questions Give 1 to 200 questions, each with the fields of its type.
-- fails   quiz_questions_points      422 /questions Give points above 0, at most 1,000, with at most two decimals.
-- fails   quiz_questions_twice       422 /questions The same thing is there twice.
-- fails   quiz_key_form              422 /key Give an object with what is right by the id of the question.
-- fails   quiz_key_missing           422 /key The key lacks this.
-- fails   quiz_key_range             422 /key The tolerance or the range is none.
-- fails   quiz_key_twice             422 /key The same thing is there twice.
-- fails   quiz_key_unknown_option    422 /key There is no such option.
-- fails   quiz_key_unknown_question  422 /key There is no such question.
-- fails   quiz_versions_size_ck      422 The questions have more than 256 KiB. Send them in parts.
-- fails   quiz_answer_keys_key_ck    422 The key has more than 256 KiB. Send the questions in parts.
-- index   quizzes_pk, courses_pk

select /* quizzes/import_questions */
    case
        when saved.version_number is not null then json_build_object(
            'dry_run', $7::boolean,
            'quiz', case
                -- As it is from now on, and this statement does not see it yet.
                when not $7 then json_build_object(
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
                    'current_version', saved.version_number,
                    'version', saved.version,
                    'created_at', quizzes.created_at,
                    'updated_at', now()
                )
            end,
            'max_score', saved.max_score,
            'questions', $5::jsonb,
            'left_out', $6::jsonb
        )
    end as document,
    saved.version
from lms.actor($1) as actor
left join lms.save_quiz_version($1, $2, null, $3, $4) as saved on true
left join lms.quizzes on quizzes.quiz_id = $2;
