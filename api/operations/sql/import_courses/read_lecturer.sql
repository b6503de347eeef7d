-- import_courses/read_lecturer
-- The person of an e-mail address, whoever that is; without one, the active lecturer with the oldest account.
--
-- $1  email  text  in canonical form; null for the oldest account
--
-- result  row?  Person

select /* import_courses/read_lecturer */
    users.user_id,
    users.email,
    users.role = 'lecturer' and users.deactivated_at is null as can_teach
from lms.users
where
    -- Null where no address was given.
    coalesce(users.email = $1, users.role = 'lecturer' and users.deactivated_at is null)
order by users.user_id
limit 1;
