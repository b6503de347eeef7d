-- Builds the index again.
--
-- loses  nothing
--
-- transactional: false

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_attempt_id_ix;
create index concurrently quiz_attempts_quiz_id_attempt_id_ix on lms.quiz_attempts (quiz_id, attempt_id);
