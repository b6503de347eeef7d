-- Drops the sessions.
--
-- loses  every login: all users have to log in again

set local role lms_owner;

drop table lms.sessions;
