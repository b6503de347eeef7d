-- Makes the rules again, unvalidated: there is no other way to forget that they were checked.
--
-- loses  nothing

set local role lms_owner;

comment on index lms.materials_file_id_uq is null;

alter table lms.materials
drop constraint materials_file_id_fk,
drop constraint materials_source_ck,
drop constraint materials_file_id_ck,
drop constraint materials_origin_ck,
add constraint materials_file_id_fk foreign key (file_id) references lms.files (file_id) on delete restrict not valid,
add constraint materials_source_ck check (num_nonnulls(url, file_id) = 1) not valid,
add constraint materials_file_id_ck check ((origin = 'uploaded') = (file_id is not null)) not valid,
add constraint materials_origin_ck check (origin in ('linked', 'crawled', 'uploaded')) not valid;

comment on constraint materials_file_id_fk on lms.materials is '409 A material shows this file.';
comment on constraint materials_source_ck on lms.materials is
    '422 /url An uploaded material has no address, and every other one has.';
comment on constraint materials_file_id_ck on lms.materials is '422 /origin What was uploaded has a file, and nothing else has.';
comment on constraint materials_origin_ck on lms.materials is '422 /origin Use linked, crawled or uploaded.';
