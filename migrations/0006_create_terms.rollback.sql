-- Drops the terms.
--
-- loses  every term

set local role lms_owner;

drop table lms.terms;
