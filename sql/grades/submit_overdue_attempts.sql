-- grades/submit_overdue_attempts
-- Hand in and grade attempts that were due and that nobody handed in, as they were saved last.
--
-- $1  most  integer
--
-- role    lms_worker
-- result  row    HandedIn
-- index   quiz_attempts_due_at_attempt_id_ix

select /* grades/submit_overdue_attempts */ its.attempts
from lms.submit_overdue_attempts($1) as its (attempts);
