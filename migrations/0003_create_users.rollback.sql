-- Drops the users.
--
-- loses  every account, with its name, address, password and settings

set local role lms_owner;

drop table lms.users;
