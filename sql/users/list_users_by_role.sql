-- users/list_users_by_role
-- The accounts of one role, oldest first, one page of them, for an administrator.
--
-- $1  token_hash   bytea
-- $2  role         text
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  UserPage    404: only administrators see this list
-- index   users_role_user_id_ix

select /* users/list_users_by_role */
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
        select user_id
        from lms.users
        where role = $2
    ),
    bounded as (
        select user_id
        from visible
        where user_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by user_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select user_id, row_number() over (order by user_id) as place
        from bounded
        order by user_id
        limit $4 + 1
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
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.user_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.users on users.user_id = page.user_id
    -- For anybody else there is no list: no row here, which is 404.
    having lms.can_administer(actor.role)
) as found on true;
