-- attempts/update_attempt
-- Save answers of an attempt under way, by its student, who has seen its present version and is in time: until five
-- seconds after it is due, as lms.submit_attempt() has it.
--
-- $1  token_hash  bytea
-- $2  attempt_id  uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  patch       jsonb    a merge patch: answers
--
-- result  versioned  Attempt    404: no such attempt of this actor
-- fails   quiz_attempts_in_progress      409 The attempt was handed in.
-- fails   quiz_attempts_due_at_past      409 The time for this attempt is over.
-- fails   quiz_answers_form              422 /answers The question takes another kind of answer.
-- fails   quiz_answers_unknown_question  422 /answers There is no such question.
-- fails   quiz_answers_unknown_stem      422 /answers There is no such stem.
-- fails   quiz_attempts_answers_ck
-- index   quiz_attempts_pk, quizzes_pk, courses_pk, student_enrollments_pk, quiz_versions_pk, users_pk

with /* attempts/update_attempt */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won, and that the attempt was handed in.
    select
        attempts.attempt_id,
        attempts.version,
        attempts.state,
        attempts.due_at,
        quizzes.course_id,
        versions.questions
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    join lms.quiz_versions as versions
        on versions.quiz_id = attempts.quiz_id and versions.version_number = attempts.quiz_version
    cross join actor
    where
        attempts.attempt_id = $2
        and attempts.student_id = actor.user_id
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    for no key update of attempts
),
updated as (
    update lms.quiz_attempts as attempts
    set
        answers = case
            when target.state <> 'in_progress' then lms.refuse('quiz_attempts_in_progress')::jsonb
            when target.due_at + interval '5 seconds' < now() then lms.refuse('quiz_attempts_due_at_past')::jsonb
            when $4 ? 'answers'
                then lms.merge_patch(attempts.answers, lms.checked_answers(target.questions, $4 -> 'answers'))
            else attempts.answers
        end,
        version = attempts.version + 1
    from target
    where
        attempts.attempt_id = target.attempt_id
        and (
            target.version = coalesce($3, target.version)
            -- Whatever was seen, this is no longer to be changed.
            or target.state <> 'in_progress'
            or target.due_at + interval '5 seconds' < now()
        )
    returning
        attempts.attempt_id,
        attempts.quiz_id,
        attempts.quiz_version,
        attempts.student_id,
        attempts.attempt_number,
        attempts.state,
        attempts.answers,
        attempts.score,
        attempts.max_score,
        attempts.started_at,
        attempts.due_at,
        attempts.submitted_at,
        attempts.graded_at,
        attempts.version
)
select
    case
        when updated.attempt_id is not null then json_build_object(
            'id', updated.attempt_id,
            'quiz_id', updated.quiz_id,
            'course_id', target.course_id,
            'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
            'attempt_number', updated.attempt_number,
            'state', updated.state,
            'quiz_version', updated.quiz_version,
            'questions', target.questions,
            'answers', updated.answers,
            'score', updated.score,
            'max_score', updated.max_score,
            'feedback', null,
            'key', null,
            'reviews', null,
            'started_at', updated.started_at,
            'due_at', updated.due_at,
            'submitted_at', updated.submitted_at,
            'graded_at', updated.graded_at,
            'version', updated.version
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join (
    updated
    join lms.users as students on students.user_id = updated.student_id
) on true;
