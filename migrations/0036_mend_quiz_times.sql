-- Quizzes that change while students start, sit or hand them in: by the clock and the rows after all waiting.
--
-- why    a quiz could not be closed if somebody started while that waited; until when somebody had time, and whether
--        they could be given more, went by when the lecturer had asked; what was handed in while the end was put off
--        was taken for late; a quiz that students sat could become a draft, which hid it from them and from gradebooks;
--        and no row of audit said which attempt was handed in
-- locks  none
-- undo   makes the functions what they were
--
-- depends: 0035_follow_quiz_times

set local role lms_owner;

create or replace function lms.submit_attempt(token_hash bytea, attempt_id uuid, answers jsonb)
returns setof lms.quiz_attempts
language plpgsql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    handed_in text;
begin
    -- The quiz first, as lms.record_grades() has it, and lms.follow_quiz_times().
    perform
    from lms.quizzes
    where
        quizzes.quiz_id = (
            select attempts.quiz_id from lms.quiz_attempts as attempts where attempts.attempt_id = submit_attempt.attempt_id
        )
    for key share;
    select attempts.state
    into handed_in
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    cross join lms.actor(submit_attempt.token_hash) as actor
    where
        attempts.attempt_id = submit_attempt.attempt_id
        and attempts.student_id = actor.user_id
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    for no key update of attempts;
    if not found then
        return;
    end if;
    if handed_in = 'in_progress' then
        update lms.quiz_attempts as attempts
        set
            -- now() is when the request came, however long it waited. Clocks and networks are given five seconds.
            -- Only what is in time is read, and so can be wrong.
            answers = case
                when attempts.due_at + interval '5 seconds' < now() then attempts.answers
                else coalesce(lms.checked_answers(asked.questions, submit_attempt.answers), attempts.answers)
            end,
            submitted_at = least(attempts.due_at, now()),
            state = 'submitted'
        from lms.quiz_versions as asked
        where
            attempts.attempt_id = submit_attempt.attempt_id
            and asked.quiz_id = attempts.quiz_id
            and asked.version_number = attempts.quiz_version;
        perform lms.record_grades(array[submit_attempt.attempt_id]);
        -- Here, since of all who hand it in at once only this one knows that it was the first.
        insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
        select
            attempts.student_id,
            'attempts.submit',
            attempts.student_id,
            quizzes.course_id,
            jsonb_build_object(
                'attempt_id', jsonb_build_object('from', attempts.attempt_id, 'to', attempts.attempt_id),
                'state', jsonb_build_object('from', handed_in, 'to', attempts.state)
            )
        from lms.quiz_attempts as attempts
        join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
        where attempts.attempt_id = submit_attempt.attempt_id;
    end if;
    return query
    select attempts.*   -- the function's type is that of the table
    from lms.quiz_attempts as attempts
    where attempts.attempt_id = submit_attempt.attempt_id;
end;
$$;
comment on function lms.submit_attempt(bytea, uuid, jsonb) is
    'Hand in an attempt of one''s own, grade it and leave a row of audit, with these answers, null for those saved; the '
    'attempt as it is then. '
    'What comes more than five seconds after it was due counts as it was saved. What was handed in already stays as it is. '
    'No row: no such attempt of theirs. Refuses quiz_answers_form, quiz_answers_unknown_question, '
    'quiz_answers_unknown_stem, quiz_attempts_answers_ck.';

create or replace function lms.follow_quiz_times() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    moment timestamptz;
begin
    -- Who starts or hands in now waits for us, or we for them: see sql/attempts/start_attempt.sql and
    -- lms.submit_attempt(). The quiz comes before its attempts for everybody.
    perform from lms.quizzes where quizzes.quiz_id = new.quiz_id for update;
    -- That is now, not when the request came: since then others may have begun.
    moment := clock_timestamp();
    update lms.quiz_attempts as attempts
    set
        -- The first of its ends. An end that is past is now: what was saved until now was in time.
        due_at = nullif(
            greatest(
                attempts.started_at,   -- also where a clock was set back
                least(attempts.due_at, moment),
                least(
                    attempts.started_at + make_interval(secs => new.time_limit_seconds),
                    new.closes_at,
                    -- What is over gets no other five seconds.
                    case
                        when new.state = 'closed' then case old.state when 'closed' then attempts.due_at else moment end
                    end,
                    'infinity'
                )
            ),
            'infinity'
        )
    where
        attempts.quiz_id = new.quiz_id
        and attempts.state = 'in_progress'
        -- What was overdue stays so: by its key others may know already what is right. They go by what is committed, so
        -- of the five seconds one is left until that is done.
        and (attempts.due_at is null or attempts.due_at >= moment - interval '4 seconds');
    return null;
end;
$$;

create function lms.was_taken(quiz_id uuid) returns boolean
language plpgsql volatile
as $$
begin
    return exists (select from lms.quiz_attempts as attempts where attempts.quiz_id = was_taken.quiz_id);
end;
$$;
comment on function lms.was_taken(uuid) is
    'Whether anybody has begun an attempt at this quiz. Volatile, so that a statement that locked the quiz sees those whom '
    'it waited for.';
-- It runs as whoever calls it.
grant execute on function lms.was_taken(uuid) to lms_api;

comment on table lms.audit_events is
    'One change to an account, an enrolment, a quiz, an attempt, a grade or a key, or the request of a regrade; the '
    'service adds rows and cannot alter them. '
    'Personal data: identity (pseudonyms of who did it and whom it concerns).';
