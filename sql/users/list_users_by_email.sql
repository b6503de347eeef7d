-- users/list_users_by_email
-- The accounts whose e-mail address begins like this, if wanted of one role alone, in the order of the addresses, one
-- page of them, for an administrator.
--
-- $1  token_hash    bytea
-- $2  role          text     null for all roles
-- $3  email_prefix  text
-- $4  after_id      uuid     the last id of the page before; null for the first
-- $5  page_limit    integer  1 to 100
-- $6  page_offset   bigint
-- $7  with_total    boolean  counting costs more than the page
--
-- result  page  UserPage    404: only administrators see this list
-- index   users_role_email_user_id_ix

select /* users/list_users_by_email */
    case
        when found.items is not null and $7 then json_build_object(
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
    with accounts as not materialized (
        -- One branch per role: they are merged in the order of the index, which begins with the role.
        (
            select user_id, email collate "C" as address
            from lms.users
            where role = 'student' and coalesce($2, 'student') = 'student'
            order by email collate "C", user_id
        )
        union all
        (
            select user_id, email collate "C" as address
            from lms.users
            where role = 'lecturer' and coalesce($2, 'lecturer') = 'lecturer'
            order by email collate "C", user_id
        )
        union all
        (
            select user_id, email collate "C" as address
            from lms.users
            where role = 'super_admin' and coalesce($2, 'super_admin') = 'super_admin'
            order by email collate "C", user_id
        )
    ),
    visible as not materialized (
        select user_id, address
        from accounts
        where
            address >= lower(normalize($3)) collate "C"
            -- The last character there is: whatever begins with the prefix lies before it.
            and address < (lower(normalize($3)) || chr(1114111)) collate "C"
    ),
    bounded as (
        select user_id, address
        from visible
        -- The cursor is an id alone, and its place in this order is looked up. Without its person, from the beginning.
        where
            (address, user_id) > (
                coalesce(
                    (select users.email from lms.users where users.user_id = $4),
                    lower(normalize($3))
                ) collate "C",
                coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
            )
        order by address, user_id
        limit 101 offset $6   -- a constant bound: a generic plan cannot see how small $5 is
    ),
    page as (
        select user_id, row_number() over (order by address, user_id) as place
        from bounded
        order by address, user_id
        limit $5 + 1
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
            ) filter (where page.place <= $5),
            '[]'
        ) as items,
        case
            when count(*) > $5 then lms.cursor((array_agg(page.user_id) filter (where page.place = $5))[1])
        end as next,
        case when $7 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.users on users.user_id = page.user_id
    -- For anybody else there is no list: no row here, which is 404.
    having lms.can_administer(actor.role)
) as found on true;
