-- Drops the index.
--
-- loses  nothing
--
-- transactional: false

set role lms_owner;
drop index concurrently if exists lms.materials_file_id_uq;
