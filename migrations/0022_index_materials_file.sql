-- The index of the materials that show a file.
--
-- why    a file is shown by one material, and the sweep looks for files that none shows
-- locks  materials, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0021_add_materials_file

set role lms_owner;
drop index concurrently if exists lms.materials_file_id_uq;
-- Serves sql/files/claim_garbage.sql. What a broken run left is dropped above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create unique index concurrently materials_file_id_uq on lms.materials (file_id);
