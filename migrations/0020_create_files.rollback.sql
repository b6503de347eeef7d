-- Drops the files.
--
-- loses  what every object of the store is; the objects stay there, below materials/, and can be deleted as a whole

set local role lms_owner;

drop function lms.can_hold(text, text);
drop table lms.files;
