-- Drops the doors to the keys.
--
-- loses  nothing

set local role lms_owner;

drop function lms.reveal_answer_key(bytea, uuid);
drop function lms.shows_feedback(text, text, timestamptz, text);
drop function lms.regrade_attempts(uuid, integer);
comment on column lms.audit_events.actor_id is
    'Who did it; null for the command line. Personal data: identity (a pseudonym).';
drop function lms.submit_overdue_attempts(integer);
drop function lms.review_attempt(bytea, uuid, integer, jsonb);
drop function lms.reviews_defect(jsonb, jsonb);
drop function lms.submit_attempt(bytea, uuid, jsonb);
drop function lms.record_grades(uuid[]);
drop function lms.read_answer_key(bytea, uuid, integer);
drop function lms.correct_answer_key(bytea, uuid, integer, integer, jsonb);
drop function lms.save_quiz_version(bytea, uuid, integer, jsonb, jsonb);
