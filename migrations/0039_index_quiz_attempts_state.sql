-- The index that attempts in one state are found by.
--
-- why    whoever teaches a course looks for what waits for a person: how much there is of each quiz, and page by page.
--        The attempts in all states are a merge of this index, too
-- locks  quiz_attempts, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0038_index_email_outbox_kind

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_state_attempt_id_ix;
-- Serves sql/attempts/list_attempts.sql and sql/dashboards/read_course_dashboard.sql. What a broken run left is dropped
-- above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently quiz_attempts_quiz_id_state_attempt_id_ix on lms.quiz_attempts (quiz_id, state, attempt_id);
