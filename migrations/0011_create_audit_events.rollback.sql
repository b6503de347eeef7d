-- Drops the audit events.
--
-- loses  the record of who changed what

set local role lms_owner;

drop table lms.audit_events;
