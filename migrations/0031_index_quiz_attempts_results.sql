-- The index that the dashboard of a course is read from.
--
-- why    it sums up all attempts of the course, which lie between those of all others: a page for each of them
-- locks  quiz_attempts, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0030_create_regrades

set role lms_owner;
drop index concurrently if exists lms.quiz_attempts_quiz_id_submitted_at_ix;
-- Serves sql/dashboards/read_course_dashboard.sql, which needs no row of the table besides; what autosave writes is not
-- in it. What a broken run left is dropped above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently quiz_attempts_quiz_id_submitted_at_ix
on lms.quiz_attempts (quiz_id, submitted_at) include (score, max_score);
