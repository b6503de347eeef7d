-- Materials: what there is to read and to watch for a course, as references.
--
-- why    a syllabus says what a week is about; this says where to find it
-- locks  courses, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table, and every reference with it
--
-- depends: 0013_create_student_enrollments

set local role lms_owner;

create table lms.materials (
    material_id uuid not null default lms.uuidv7(),
    course_id uuid not null,
    week_number smallint,
    kind text not null,
    origin text not null,
    title text not null,
    url text not null,
    crawled_at timestamptz,
    metadata jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint materials_pk primary key (material_id),
    -- CASCADE: a reference is a part of its course.
    constraint materials_course_id_fk foreign key (course_id) references lms.courses (course_id) on delete cascade,
    -- No foreign key to the syllabus: a week can be rewritten, and its materials stay.
    constraint materials_week_number_ck check (week_number between 1 and 53),
    constraint materials_kind_ck check (kind in ('pdf', 'video', 'link', 'slides', 'text')),
    constraint materials_origin_ck check (origin in ('linked', 'crawled')),
    constraint materials_title_ck check (length(title) between 1 and 300 and title !~ '^\s|\s$'),
    -- Stored for people to follow; the service never does. ASCII, as RFC 3986 has it, so that its index entry fits.
    constraint materials_url_ck check (length(url) <= 2000 and url ~ '^https?://[!-~]+$'),
    constraint materials_crawled_at_ck check ((origin = 'crawled') = (crawled_at is not null)),
    constraint materials_metadata_ck check (
        jsonb_typeof(metadata) = 'object' and pg_column_size(metadata) <= 16384
    ),
    constraint materials_version_ck check (version >= 1)
);

comment on table lms.materials is 'Something to read or to watch for a course. Personal data: none.';
comment on column lms.materials.material_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.materials.course_id is 'The course. Personal data: none.';
comment on column lms.materials.week_number is 'The week of the syllabus it is for; null for all. Personal data: none.';
comment on column lms.materials.kind is 'pdf, video, link, slides or text. Personal data: none.';
comment on column lms.materials.origin is
    'linked (somebody put it there) or crawled (found by a program). Personal data: none.';
comment on column lms.materials.title is 'Name as people say it. Personal data: none.';
comment on column lms.materials.url is 'Where it is, http or https; stored, never fetched. Personal data: none.';
comment on column lms.materials.crawled_at is 'When a crawler last found it; null for what was linked. Personal data: none.';
comment on column lms.materials.metadata is
    'What else is known, such as pages, duration or licence, a JSON object. Personal data: none.';
comment on column lms.materials.version is 'Counts the edits, for If-Match. Personal data: none.';
comment on column lms.materials.created_at is 'When it was put on the course. Personal data: none.';
comment on column lms.materials.updated_at is 'When it was last edited. Personal data: none.';

comment on constraint materials_pk on lms.materials is '409 This material exists already.';
comment on constraint materials_course_id_fk on lms.materials is '409 This course does not exist.';
comment on constraint materials_week_number_ck on lms.materials is '422 /week_number Number the weeks from 1 to 53.';
comment on constraint materials_kind_ck on lms.materials is '422 /kind Use pdf, video, link, slides or text.';
comment on constraint materials_origin_ck on lms.materials is '422 /origin Use linked or crawled.';
comment on constraint materials_title_ck on lms.materials is
    '422 /title Give a title of 1 to 300 characters, without space at its ends.';
comment on constraint materials_url_ck on lms.materials is
    '422 /url Give an address that begins with http:// or https://, in ASCII, of at most 2,000 characters.';
comment on constraint materials_crawled_at_ck on lms.materials is
    '422 /crawled_at What was crawled has the time of it, and nothing else has.';
comment on constraint materials_metadata_ck on lms.materials is '422 /metadata Give a JSON object of at most 16 KiB.';
comment on constraint materials_version_ck on lms.materials is '422 A version counts from 1.';

-- Serves sql/materials/list_materials.sql, and the deletion of a course.
create index materials_course_id_material_id_ix on lms.materials (course_id, material_id);
-- Serves sql/materials/list_materials_by_week.sql.
create index materials_course_id_week_number_material_id_ix on lms.materials (course_id, week_number, material_id);
-- Serves sql/materials/put_crawled_material.sql: a page that is found again is not a second material.
create unique index materials_course_id_url_uq on lms.materials (course_id, url) where origin = 'crawled';
comment on index lms.materials_course_id_url_uq is '409 /url This address is on the course already.';

grant select, delete on lms.materials to lms_api;
grant insert (course_id, week_number, kind, origin, title, url, crawled_at, metadata) on lms.materials to lms_api;
grant update (week_number, kind, title, url, crawled_at, metadata, version, updated_at) on lms.materials to lms_api;

alter table lms.materials enable row level security;
create policy materials_own_roles on lms.materials to lms_api, lms_migrate using (true) with check (true);
