-- audit_events/list_audit_events_by_course
-- What was changed about one course, the latest first, one page of it, for an administrator.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  AuditEventPage    404: only administrators see this list
-- index   audit_events_course_id_audit_event_id_ix

select /* audit_events/list_audit_events_by_course */
    case
        when found.items is not null and $6 then json_build_object(
            'items', found.items,
            'next', found.next,
            'total', least(found.total, 10000),
            'total_is_lower_bound', found.total > 10000
        )
        when found.items is not null then json_build_object('items', found.items, 'next', found.next)
    end as document,
    found.next
from lms.actor($1) as actor
left join lateral (
    with visible as not materialized (
        select audit_event_id
        from lms.audit_events
        where course_id = $2
    ),
    bounded as (
        select audit_event_id
        from visible
        where audit_event_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        order by audit_event_id desc
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select audit_event_id, row_number() over (order by audit_event_id desc) as place
        from bounded
        order by audit_event_id desc
        limit $4 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', audit_events.audit_event_id,
                    'occurred_at', audit_events.occurred_at,
                    'actor_id', audit_events.actor_id,
                    'action', audit_events.action,
                    'user_id', audit_events.user_id,
                    'course_id', audit_events.course_id,
                    'changes', audit_events.changes
                )
                order by page.place
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.audit_event_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.audit_events on audit_events.audit_event_id = page.audit_event_id
    -- For anybody else there is no list: no row here, which is 404.
    having lms.can_administer(actor.role)
) as found on true;
