-- Drops the helper functions.
--
-- loses  nothing

set local role lms_owner;

drop function lms.refuse(text);
drop function lms.cursor(uuid);
drop function lms.uuidv7();
