-- Drops the column.
--
-- loses  every uploaded material; the rows of its files stay, and their objects

set local role lms_owner;

alter policy materials_own_roles on lms.materials to lms_api, lms_migrate;
revoke select (file_id) on lms.materials from lms_worker;

delete from lms.materials where origin = 'uploaded';
alter table lms.materials
drop constraint materials_origin_ck,
drop constraint materials_file_id_ck,
drop constraint materials_source_ck,
drop constraint materials_file_id_fk,
drop column file_id,
alter column url set not null,
add constraint materials_origin_ck check (origin in ('linked', 'crawled'));
comment on constraint materials_origin_ck on lms.materials is '422 /origin Use linked or crawled.';
comment on column lms.materials.origin is
    'linked (somebody put it there) or crawled (found by a program). Personal data: none.';
comment on column lms.materials.url is 'Where it is, http or https; stored, never fetched. Personal data: none.';
