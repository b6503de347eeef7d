-- Leaves attempts with the times that they began with.
--
-- loses  nothing

set local role lms_owner;

create or replace function lms.reveal_answer_key(token_hash bytea, attempt_id uuid) returns table (key jsonb)
language sql stable security definer parallel safe
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
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state));
end;
comment on function lms.reveal_answer_key(bytea, uuid) is
    'The key to an attempt of one''s own, once the quiz says that it may be seen. No row: not yet, or no such attempt.';

create or replace function lms.shows_feedback(
    feedback_policy text, quiz_state text, closes_at timestamptz, attempt_state text
) returns boolean
language sql stable parallel safe
begin atomic
    select
        attempt_state <> 'in_progress'
        and case feedback_policy
            when 'after_submit' then true
            when 'after_close' then quiz_state = 'closed' or coalesce(closes_at <= now(), false)
            else false
        end;
end;
comment on function lms.shows_feedback(text, text, timestamptz, text) is
    'Whether a student may see points by question, right answers and explanations of an attempt in this state, by the '
    'policy of the quiz.';

comment on column lms.quiz_attempts.due_at is
    'Until when it can be worked on, by the clock of the database: the time limit or the end of the quiz, whichever is '
    'first; null if there is neither. Personal data: learning record.';

drop trigger quizzes_attempts_due_at on lms.quizzes;
drop function lms.follow_quiz_times();
