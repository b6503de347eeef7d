-- accounts/add_account
-- A new account, from the command line: that is how a school gets its first administrator.
--
-- $1  email          text  in canonical form
-- $2  full_name      text
-- $3  role           text
-- $4  password_hash  text  ! for none
--
-- result  count

with /* accounts/add_account */ added as (
    insert into lms.users (email, full_name, role, password_hash)
    values ($1, $2, $3, $4)
    on conflict on constraint users_email_uq do nothing
    returning user_id, role
)
insert into lms.audit_events (action, user_id, changes)
select 'users.create', user_id, jsonb_build_object('role', jsonb_build_object('from', null, 'to', role))
from added;
