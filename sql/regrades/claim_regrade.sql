-- regrades/claim_regrade
-- Take the regrade that has been due the longest, and keep other workers from it until the lease ends. No row: nothing
-- is due, or another one of the same quiz is running.
--
-- $1  lease_seconds  integer
--
-- role    lms_worker
-- result  row?  ClaimedRegrade
-- index   regrades_due_at_regrade_id_ix, regrades_running_uq, regrades_pk

with /* regrades/claim_regrade */ due as (
    select regrades.regrade_id
    from lms.regrades
    where
        regrades.state <> 'done'
        and regrades.due_at <= now()
        and (
            regrades.state = 'running'
            or not exists (
                select
                from lms.regrades as others
                where others.quiz_id = regrades.quiz_id and others.state = 'running'
            )
        )
    order by regrades.due_at, regrades.regrade_id
    limit 1
    for no key update skip locked
)
update lms.regrades
set
    state = 'running',
    -- The lease is when it is due again, so a worker that dies leaves nothing to mend.
    claims = regrades.claims + 1,
    due_at = now() + make_interval(secs => $1::integer),
    started_at = coalesce(regrades.started_at, now())
from due
where regrades.regrade_id = due.regrade_id
returning regrades.regrade_id, regrades.claims;
