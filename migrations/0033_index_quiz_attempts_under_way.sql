-- The index that says who is still at a quiz.
--
-- why    before a key is shown, and when a quiz is closed or gets other times, those who are at it are looked up
-- locks  quiz_attempts, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0032_index_quiz_attempts_order

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_student_id_ix;
-- Serves lms.reveal_answer_key() and lms.follow_quiz_times(). By student and not by time, so that whoever looks for the
-- attempt of one student finds it here as well as by quiz_attempts_in_progress_uq, whatever the planner believes. What
-- a broken run left is dropped above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently quiz_attempts_quiz_id_student_id_ix
on lms.quiz_attempts (quiz_id, student_id) include (due_at) where state = 'in_progress';
