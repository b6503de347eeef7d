-- Drops the attempts, and the functions that grade them.
--
-- loses  every attempt, with its answers, score and feedback

set local role lms_owner;

drop function lms.graded(jsonb, jsonb, jsonb, jsonb);
drop function lms.spelled(text, boolean);
drop table lms.quiz_attempts;
