-- Drops the materials.
--
-- loses  every reference to something to read or to watch

set local role lms_owner;

drop table lms.materials;
