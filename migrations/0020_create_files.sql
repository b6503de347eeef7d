-- Files: what was uploaded, in an object store; here is what each is and how far it is.
--
-- why    a lecturer has slides and recordings of their own; their bytes belong into an object store, and a row says
--        of every object whether it is on its way, there, or to be removed, so that a crash leaves neither an object
--        without a row nor a row without an object
-- locks  courses, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table; the objects stay in the store
--
-- depends: 0019_create_account_tokens

set local role lms_owner;

create table lms.files (
    file_id uuid not null default lms.uuidv7(),
    course_id uuid,
    state text not null default 'uploading',
    name text,
    media_type text,
    byte_size bigint,
    sha256 bytea,
    due_at timestamptz not null,
    created_at timestamptz not null default now(),
    constraint files_pk primary key (file_id),
    -- SET NULL: the row has to outlive its course, or nobody would know of the object that is to be removed.
    constraint files_course_id_fk foreign key (course_id) references lms.courses (course_id) on delete set null,
    constraint files_state_ck check (state in ('uploading', 'stored', 'deleting')),
    constraint files_stored_ck check (
        state <> 'stored' or num_nulls(name, media_type, byte_size, sha256) = 0
    ),
    -- No separator, no quote that ends a header's value, no control character.
    constraint files_name_ck check (length(name) between 1 and 200 and name !~ '[[:cntrl:]/\\"]'),
    constraint files_media_type_ck check (
        media_type in (
            'application/pdf',
            'application/vnd.oasis.opendocument.presentation',
            'application/vnd.openxmlformats-officedocument.presentationml.presentation',
            'text/markdown',
            'text/plain',
            'video/mp4',
            'video/webm'
        )
    ),
    constraint files_byte_size_ck check (byte_size >= 1),
    constraint files_sha256_ck check (octet_length(sha256) = 32)
);

comment on table lms.files is
    'An object of the store, materials/<file_id>. Personal data: none.';
comment on column lms.files.file_id is 'Key, UUIDv7, and the name of the object. Personal data: none.';
comment on column lms.files.course_id is 'The course it was uploaded for; null once that is gone. Personal data: none.';
comment on column lms.files.state is
    'uploading (its bytes are on their way), stored (a material shows it), or deleting (its object is to be removed, '
    'then the row). Personal data: none.';
comment on column lms.files.name is 'What a download is called; null until it is stored. Personal data: none.';
comment on column lms.files.media_type is
    'What its bytes are, as found out by the service; null until it is stored. Personal data: none.';
comment on column lms.files.byte_size is 'Its bytes; null until it is stored. Personal data: none.';
comment on column lms.files.sha256 is 'SHA-256 of its bytes; null until it is stored. Personal data: none.';
comment on column lms.files.due_at is 'Until when the upload may take; later it is swept. Personal data: none.';
comment on column lms.files.created_at is 'When the upload began. Personal data: none.';

comment on constraint files_pk on lms.files is '409 This file exists already.';
comment on constraint files_course_id_fk on lms.files is '409 This course has files.';
comment on constraint files_state_ck on lms.files is '422 Use uploading, stored or deleting.';
comment on constraint files_stored_ck on lms.files is '422 What is stored has a name, a type, a size and a hash.';
comment on constraint files_name_ck on lms.files is
    '422 /file Give a name of 1 to 200 characters, without slashes, quotes and control characters.';
comment on constraint files_media_type_ck on lms.files is
    '422 /file Upload a PDF, an MP4 or WebM video, PPTX or ODP slides, or plain text or Markdown.';
comment on constraint files_byte_size_ck on lms.files is '422 /file The file is empty.';
comment on constraint files_sha256_ck on lms.files is '422 /file A SHA-256 has 32 bytes.';

-- Serves sql/courses/delete_course.sql: a course that goes looks for its files.
create index files_course_id_ix on lms.files (course_id);
-- Serves sql/files/claim_garbage.sql, state by state.
create index files_state_file_id_ix on lms.files (state, file_id);

grant select, delete on lms.files to lms_api;
grant insert (course_id, due_at) on lms.files to lms_api;
grant update (state, name, media_type, byte_size, sha256) on lms.files to lms_api;
grant select, delete on lms.files to lms_worker;
grant update (state) on lms.files to lms_worker;

alter table lms.files enable row level security;
create policy files_own_roles on lms.files to lms_api, lms_migrate, lms_worker using (true) with check (true);

create function lms.can_hold(kind text, media_type text) returns boolean
language sql immutable parallel safe
begin atomic
    select
        case kind
            when 'pdf' then media_type = 'application/pdf'
            when 'video' then media_type in ('video/mp4', 'video/webm')
            when 'slides'
                then media_type in (
                    'application/pdf',
                    'application/vnd.oasis.opendocument.presentation',
                    'application/vnd.openxmlformats-officedocument.presentationml.presentation'
                )
            when 'text' then media_type in ('text/markdown', 'text/plain')
            else false
        end;
end;
comment on function lms.can_hold(text, text) is
    'Whether a material of this kind may be a file of this type.';
grant execute on function lms.can_hold(text, text) to lms_api;
