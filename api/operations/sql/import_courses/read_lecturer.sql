-- import_courses/read_lecturer
-- The person of an e-mail address, whoever that is; without one, the active lecturer with the oldest account.
--
-- $1  email  text  null for the oldest account
--
-- result  row?  Person

select /* import_courses/read_lecturer */
    users.user_id,
    users.email,
    users.role = 'lecturer' and users.deactivated_at is null as can_teach
from lms.users
where
    -- Null where no address was given.
    coalesce(
        users.email = lower(normalize(btrim($1), nfc)),
        users.role = 'lecturer' and users.deactivated_at is null
    )
order by users.user_id
limit 1;
