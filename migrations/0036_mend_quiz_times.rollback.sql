-- Makes the doors what they were.
--
-- loses  nothing

set local role lms_owner;

comment on table lms.audit_events is
    'One change to an account, an enrolment, an attempt, a grade or a key, or the request of a regrade; the service adds '
    'rows and cannot alter them. Personal data: identity (pseudonyms of who did it and whom it concerns).';

drop function lms.was_taken(uuid);

create or replace function lms.follow_quiz_times() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Who starts or hands in now waits for us, or we for them: see sql/attempts/start_attempt.sql and
    -- lms.submit_attempt(). The quiz comes before its attempts for everybody.
    perform from lms.quizzes where quizzes.quiz_id = new.quiz_id for update;
    update lms.quiz_attempts as attempts
    set
        -- The first of its ends. An end that is past is now: what was saved until now was in time.
        due_at = nullif(
            greatest(
                least(attempts.due_at, now()),
                least(
                    attempts.started_at + make_interval(secs => new.time_limit_seconds),
                    new.closes_at,
                    -- What is over gets no other five seconds.
                    case when new.state = 'closed' then case old.state when 'closed' then attempts.due_at else now() end end,
                    'infinity'
                )
            ),
            'infinity'
        )
    where
        attempts.quiz_id = new.quiz_id
        and attempts.state = 'in_progress'
        -- What was overdue stays so: by its key others may know already what is right.
        and (attempts.due_at is null or attempts.due_at >= now() - interval '5 seconds');
    return null;
end;
$$;

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
            answers = case
                when attempts.due_at + interval '5 seconds' < now() then attempts.answers
                else coalesce(submit_attempt.answers, attempts.answers)
            end,
            submitted_at = least(attempts.due_at, now()),
            state = 'submitted'
        where attempts.attempt_id = submit_attempt.attempt_id;
        perform lms.record_grades(array[submit_attempt.attempt_id]);
        -- Here, since of all who hand it in at once only this one knows that it was the first.
        insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
        select
            attempts.student_id,
            'attempts.submit',
            attempts.student_id,
            quizzes.course_id,
            jsonb_build_object('state', jsonb_build_object('from', handed_in, 'to', attempts.state))
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
    'No row: no such attempt of theirs.';
