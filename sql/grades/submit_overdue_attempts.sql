-- grades/submit_overdue_attempts
-- Hand in and grade attempts that were due and that nobody handed in, as they were saved last; those that were due
-- first, but for some that could not be handed in before. All of them, or none and an error that names the first.
--
-- $1  most  integer  how many at the most
-- $2  skip  integer  how many to pass over: they could not be handed in before
--
-- role    lms_worker
-- result  row  HandedIn
-- index   quiz_attempts_due_at_attempt_id_ix

select /* grades/submit_overdue_attempts */
    its.attempts,
    its.left_behind
from lms.submit_overdue_attempts($1, $2) as its;
