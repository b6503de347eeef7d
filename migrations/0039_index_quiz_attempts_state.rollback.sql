-- Drops the index.
--
-- loses  nothing
--
-- transactional: false

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_state_attempt_id_ix;
