-- The index that the attempts at a quiz were listed by, dropped.
--
-- why    they are read by state and merged, by quiz_attempts_quiz_id_state_attempt_id_ix: nothing uses it any more
-- locks  quiz_attempts, SHARE UPDATE EXCLUSIVE: nobody waits; the release before goes on, with slower lists of attempts
-- undo   builds the index again
--
-- transactional: false
-- depends: 0039_index_quiz_attempts_state

set role lms_owner;
-- squawk-ignore ban-concurrent-index-creation-in-transaction
drop index concurrently if exists lms.quiz_attempts_quiz_id_attempt_id_ix;
