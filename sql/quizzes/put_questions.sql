-- quizzes/put_questions
-- Save questions and their key, both or neither, as the next version of a quiz, by whoever teaches its course and has
-- seen the quiz's present version. Attempts under way keep the questions that they were started on.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  questions   jsonb    an array, as migrations/0024_create_quizzes.sql says
-- $5  key         jsonb    an object by the id of the question, likewise
--
-- result  versioned  SavedQuestions    404: no such quiz for this actor to change
-- fails   quiz_questions_form        422 /questions Give 1 to 200 questions, each with the fields of its type.
-- fails   quiz_questions_points      422 /questions Give points above 0, at most 1,000, with at most two decimals.
-- fails   quiz_questions_twice       422 /questions The same thing is there twice.
-- fails   quiz_key_form              422 /key Give an object with what is right by the id of the question.
-- fails   quiz_key_missing           422 /key The key lacks this.
-- fails   quiz_key_range             422 /key The tolerance or the range is none.
-- fails   quiz_key_twice             422 /key The same thing is there twice.
-- fails   quiz_key_unknown_option    422 /key There is no such option.
-- fails   quiz_key_unknown_question  422 /key There is no such question.
-- fails   quiz_versions_size_ck      422 /questions Give at most 256 KiB of questions.
-- fails   quiz_answer_keys_key_ck    422 /key Give a JSON object of at most 256 KiB.
-- index   quizzes_pk, courses_pk

select /* quizzes/put_questions */
    case
        when saved.version_number is not null then json_build_object(
            'id', $2::uuid,
            'version', saved.version,
            'version_number', saved.version_number,
            'max_score', saved.max_score
        )
    end as document,
    saved.version
from lms.actor($1) as actor
left join lms.save_quiz_version($1, $2, $3, $4, $5) as saved on true;
