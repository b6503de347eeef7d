-- users/list_users
-- All accounts, oldest first, one page of them, for an administrator.
--
-- $1  token_hash   bytea
-- $2  after_id     uuid     the last id of the page before; null for the first
-- $3  page_limit   integer  1 to 100
-- $4  page_offset  bigint
-- $5  with_total   boolean  counting costs more than the page
--
-- result  page  UserPage    404: only administrators see this list
-- index   users_pk

select /* users/list_users */
    case
        when found.items is not null and $5 then json_build_object(
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
        select user_id
        from lms.users
    ),
    bounded as (
        select user_id
        from visible
        where user_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
        order by user_id
        limit 101 offset $4   -- a constant bound: a generic plan cannot see how small $3 is
    ),
    page as (
        select user_id, row_number() over (order by user_id) as place
        from bounded
        order by user_id
        limit $3 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', users.user_id,
                    'email', users.email,
                    'full_name', users.full_name,
                    'role', users.role,
                    'active', users.deactivated_at is null,
                    'deactivated_at', users.deactivated_at,
                    'version', users.version,
                    'created_at', users.created_at,
                    'updated_at', users.updated_at
                )
                order by page.place
            ) filter (where page.place <= $3),
            '[]'
        ) as items,
        case
            when count(*) > $3 then lms.cursor((array_agg(page.user_id) filter (where page.place = $3))[1])
        end as next,
        case when $5 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.users on users.user_id = page.user_id
    -- For anybody else there is no list: no row here, which is 404.
    having lms.can_administer(actor.role)
) as found on true;
