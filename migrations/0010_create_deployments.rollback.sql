-- Drops the record of what the database is for.
--
-- loses  whether this is production: demo data are no longer refused

set local role lms_owner;

drop table lms.deployments;
