-- Drops the functions that say who is asking and what they may do.
--
-- loses  nothing

set local role lms_owner;

drop function lms.credentials(text);
drop function lms.can_teach(uuid, text, uuid);
drop function lms.can_administer(text);
drop function lms.actor(bytea);
