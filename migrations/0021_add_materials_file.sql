-- Materials that are files of our own: a material has an address or a file.
--
-- why    uploaded materials are shown, filtered and paged like any other
-- locks  materials, ACCESS EXCLUSIVE for an instant: no row is read, the rules are checked by 0021; files, SHARE ROW
--        EXCLUSIVE, for the foreign key
-- undo   drops the column, and the uploaded materials with it; their files are then garbage
--
-- depends: 0020_create_files

set local role lms_owner;

alter table lms.materials
add column file_id uuid,
-- Until this release serves, everything has an address; materials_source_ck demands one or the other.
-- squawk-ignore ban-drop-not-null
alter column url drop not null,
add constraint materials_file_id_fk foreign key (file_id) references lms.files (file_id) on delete restrict not valid,
add constraint materials_source_ck check (num_nonnulls(url, file_id) = 1) not valid,
add constraint materials_file_id_ck check ((origin = 'uploaded') = (file_id is not null)) not valid,
-- A wider one takes its place in the same statement.
-- squawk-ignore ban-drop-constraint
drop constraint materials_origin_ck,
add constraint materials_origin_ck check (origin in ('linked', 'crawled', 'uploaded')) not valid;

comment on column lms.materials.origin is
    'linked (somebody put it there), crawled (found by a program) or uploaded (a file of our own). Personal data: none.';
comment on column lms.materials.url is
    'Where it is, http or https; stored, never fetched; null for what was uploaded. Personal data: none.';
comment on column lms.materials.file_id is 'The file, if it was uploaded. Personal data: none.';

comment on constraint materials_file_id_fk on lms.materials is '409 A material shows this file.';
comment on constraint materials_source_ck on lms.materials is
    '422 /url An uploaded material has no address, and every other one has.';
comment on constraint materials_file_id_ck on lms.materials is '422 /origin What was uploaded has a file, and nothing else has.';
comment on constraint materials_origin_ck on lms.materials is '422 /origin Use linked, crawled or uploaded.';

grant insert (file_id) on lms.materials to lms_api;
-- The sweep looks whether a material shows a file.
grant select (file_id) on lms.materials to lms_worker;
alter policy materials_own_roles on lms.materials to lms_api, lms_migrate, lms_worker;
