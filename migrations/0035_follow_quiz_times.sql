-- What becomes of those who are at a quiz that is closed or gets other times; and the key, which waits for them.
--
-- why    until when an attempt can be worked on was written down when it began: a quiz that was closed went on for
--        those who were at it, with the key that others saw already, and one that was prolonged ended for them as it
--        was to
-- locks  quizzes, SHARE ROW EXCLUSIVE for an instant, for the trigger
-- undo   drops the trigger, and shows keys from when the quiz is closed, whoever is still at it
--
-- depends: 0034_mend_quiz_doors

set local role lms_owner;

create function lms.follow_quiz_times() returns trigger
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
comment on function lms.follow_quiz_times() is
    'A quiz was closed, opened again, or has another end or time limit: so have those who are at it.';
create trigger quizzes_attempts_due_at after update of state, closes_at, time_limit_seconds on lms.quizzes
for each row when (
    (old.state, old.closes_at, old.time_limit_seconds)
    is distinct from (new.state, new.closes_at, new.time_limit_seconds)
) execute function lms.follow_quiz_times();

comment on column lms.quiz_attempts.due_at is
    'Until when it can be worked on, by the clock of the database: the time limit, the end of the quiz or when that was '
    'closed, whichever is first; null if there is none. Follows the quiz while in progress. Personal data: learning record.';

create or replace function lms.shows_feedback(
    feedback_policy text, quiz_state text, closes_at timestamptz, attempt_state text
) returns boolean
language sql stable parallel safe
begin atomic
    select
        attempt_state <> 'in_progress'
        and case feedback_policy
            when 'after_submit' then true
            -- What comes five seconds late is still taken.
            when 'after_close' then quiz_state = 'closed' or coalesce(closes_at + interval '5 seconds' < now(), false)
            else false
        end;
end;

create or replace function lms.reveal_answer_key(token_hash bytea, attempt_id uuid) returns table (key jsonb)
language sql volatile security definer rows 1
set search_path = pg_catalog, pg_temp
begin atomic
    select keys.key
    from lms.actor(reveal_answer_key.token_hash) as actor
    cross join lms.quiz_attempts as attempts
    join lms.quiz_answer_keys as keys
        on keys.quiz_id = attempts.quiz_id and keys.version_number = attempts.quiz_version
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    where
        attempts.attempt_id = reveal_answer_key.attempt_id
        and attempts.student_id = actor.user_id
        and lms.shows_feedback(quizzes.feedback_policy, quizzes.state, quizzes.closes_at, attempts.state)
        and (
            quizzes.feedback_policy <> 'after_close'
            -- Nobody can still save or hand in what they read here, by lms.submit_attempt().
            or not exists (
                select
                from lms.quiz_attempts as others
                where
                    others.quiz_id = attempts.quiz_id
                    and others.state = 'in_progress'
                    and (others.due_at is null or others.due_at >= now() - interval '5 seconds')
            )
        )
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state));
end;
comment on function lms.reveal_answer_key(bytea, uuid) is
    'The key to an attempt of one''s own, once the quiz says that it may be seen; if that is after its close, not while '
    'anybody can still save or hand in an attempt at it. No row: not yet, or no such attempt.';
