-- regrades/leave_attempt
-- Leave behind the attempt that a regrade has come to, which cannot be graded, for this round. No row: somebody else
-- has taken it since, or there are no more attempts than it left behind.
--
-- $1  regrade_id     uuid
-- $2  claims         integer  what the claim gave
-- $3  lease_seconds  integer  from now on; 0 lets go of it, for whoever comes next
--
-- role    lms_worker
-- result  count

update /* regrades/leave_attempt */ lms.regrades
set
    attempts_failed = regrades.attempts_failed + 1,
    due_at = now() + make_interval(secs => $3::integer)
where
    regrades.regrade_id = $1
    and regrades.claims = $2
    and regrades.state = 'running'
    -- So there is an end, whatever fails.
    and regrades.attempts_failed < (
        select count(*)
        from lms.quiz_attempts as attempts
        where attempts.quiz_id = regrades.quiz_id
    );
