-- The index that the attempts at a quiz are listed by.
--
-- why    whoever teaches the course reads them page by page, oldest first
-- locks  quiz_attempts, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0031_index_quiz_attempts_results

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_attempt_id_ix;
-- Serves sql/attempts/list_attempts.sql. What a broken run left is dropped above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently quiz_attempts_quiz_id_attempt_id_ix on lms.quiz_attempts (quiz_id, attempt_id);
