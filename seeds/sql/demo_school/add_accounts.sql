-- demo_school/add_accounts
-- The accounts that are not there yet, all with one password.
--
-- $1  accounts       jsonb  an array of email, full_name, role
-- $2  password_hash  text
--
-- result  count

insert /* demo_school/add_accounts */ into lms.users (email, full_name, role, password_hash)
select account.email, account.full_name, account.role, $2
from jsonb_array_elements($1) with ordinality as given (document, place)
cross join lateral jsonb_to_record(given.document) as account (email text, full_name text, role text)
-- One order for everybody: two runs at once wait for each other, and never in a circle.
order by given.place
on conflict on constraint users_email_uq do nothing;
