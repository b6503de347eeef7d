-- Drops the links to accounts.
--
-- loses  links that were sent and not used: they stop working, and an administrator sets the password

set local role lms_owner;

drop function lms.issue_account_token(bytea, uuid, integer);
drop table lms.account_tokens;
