-- The rules of 0019, checked for the rows that were there before.
--
-- why    the rules hold for what was written since; not validated, they prove nothing about the rest
-- locks  materials, SHARE UPDATE EXCLUSIVE, while its rows are read once; files, ROW SHARE: nobody waits
-- undo   makes the rules again, unvalidated
--
-- depends: 0022_index_materials_file

set local role lms_owner;

comment on index lms.materials_file_id_uq is '409 /file Another material shows this file.';

alter table lms.materials validate constraint materials_origin_ck;
alter table lms.materials validate constraint materials_source_ck;
alter table lms.materials validate constraint materials_file_id_ck;
alter table lms.materials validate constraint materials_file_id_fk;
