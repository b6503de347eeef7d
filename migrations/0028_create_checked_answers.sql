-- Checked answers: whether a document has them in the form that its questions take.
--
-- why    a client that answers a question that is not asked, or with a text where a number is called for, is told so
--        while there is time, instead of finding no points for it
-- locks  none
-- undo   drops the function
--
-- depends: 0027_create_quiz_doors

set local role lms_owner;

create function lms.checked_answers(questions jsonb, answers jsonb) returns jsonb
language plpgsql volatile
as $$
declare
    defect record;
begin
    select found.rule, found.pointer
    into defect
    from (
        select
            case
                when question.document is null then 'quiz_answers_unknown_question'
                when given.answer = 'null' then null
                when not case question.document ->> 'type'
                    when 'true_false' then jsonb_typeof(given.answer) = 'boolean'
                    when 'numeric' then jsonb_typeof(given.answer) = 'number'
                    when 'multiple_choice'
                        then
                            case jsonb_typeof(given.answer)
                                when 'array'
                                    then
                                        jsonb_array_length(given.answer) <= 100
                                        and not jsonb_path_exists(given.answer, 'strict $[*] ? (@.type() != "string")')
                                else false
                            end
                    when 'matching'
                        then
                            case jsonb_typeof(given.answer)
                                when 'object'
                                    then
                                        not jsonb_path_exists(
                                            given.answer, 'strict $.* ? (@.type() != "string" && @.type() != "null")'
                                        )
                                else false
                            end
                    when 'short_answer'
                        then jsonb_typeof(given.answer) = 'string' and length(given.answer #>> '{}') <= 1000
                    else jsonb_typeof(given.answer) = 'string'
                end then 'quiz_answers_form'
                -- They are merged stem by stem whenever they are saved: there are no more of them than the question has.
                when
                    question.document ->> 'type' = 'matching'
                    and given.answer - array(
                        select stem ->> 'id' from jsonb_array_elements(question.document -> 'stems') as stem
                    ) <> '{}'
                    then 'quiz_answers_unknown_stem'
            end as rule,
            '/answers/' || replace(replace(given.id, '~', '~0'), '/', '~1') as pointer
        from jsonb_each(
            case jsonb_typeof(checked_answers.answers) when 'object' then checked_answers.answers else '{}' end
        ) as given (id, answer)
        left join jsonb_array_elements(checked_answers.questions) as question (document)
            on question.document ->> 'id' = given.id
    ) as found
    where found.rule is not null
    order by found.pointer
    limit 1;
    if found then
        perform lms.refuse(defect.rule, defect.pointer);
    end if;
    return checked_answers.answers;
end;
$$;
comment on function lms.checked_answers(jsonb, jsonb) is
    'These answers, if they are answers to these questions and have the form of their types. Null is no answer, to a '
    'question or to a stem; which options there are is not looked at, but a choice is of 100 at most, a short answer has '
    '1,000 characters at most (see lms.spelled()), and matched are the stems of the question. '
    'Refuses quiz_answers_form, quiz_answers_unknown_question, quiz_answers_unknown_stem.';
-- It runs as whoever calls it, and so does what it calls.
grant execute on function lms.checked_answers(jsonb, jsonb), lms.refuse(text, text) to lms_api;
