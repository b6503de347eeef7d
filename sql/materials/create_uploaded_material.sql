-- materials/create_uploaded_material
-- Store a file whose object is whole, and put it on the course that it was uploaded for, if whoever uploaded it teaches
-- that course still. Both or neither.
--
-- $1  token_hash   bytea
-- $2  file_id      uuid
-- $3  week_number  smallint  null for all weeks
-- $4  kind         text
-- $5  title        text
-- $6  name         text
-- $7  media_type   text      as the service found out
-- $8  byte_size    bigint
-- $9  sha256       bytea
--
-- result  created  Material    404: no such course for this actor to teach
-- fails   materials_week_number_ck
-- fails   materials_title_ck
-- fails   materials_kind_file       422 /file The file is of another type than `kind` says.
-- fails   files_due_at_past         408 The upload took longer than one may.
-- fails   files_stored_ck
-- fails   files_name_ck
-- fails   files_media_type_ck
-- fails   files_byte_size_ck
-- fails   files_sha256_ck
-- index   files_pk, courses_pk

with /* materials/create_uploaded_material */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked, so that nobody deletes the course meanwhile.
    select courses.course_id
    from lms.files
    join lms.courses on courses.course_id = files.course_id
    cross join actor
    where files.file_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for key share of courses
),
stored as (
    -- Of this and the sweep, whoever comes first has the row.
    update lms.files
    set state = 'stored', name = $6, media_type = $7, byte_size = $8, sha256 = $9
    from target
    where files.file_id = $2 and files.state = 'uploading'
    returning files.file_id, files.name, files.media_type, files.byte_size, files.sha256
),
created as (
    insert into lms.materials (course_id, week_number, kind, origin, title, file_id)
    select
        target.course_id,
        $3,
        case when lms.can_hold($4, $7) then $4 else lms.refuse('materials_kind_file') end,
        'uploaded',
        $5,
        coalesce(stored.file_id, lms.refuse('files_due_at_past')::uuid)
    from target
    left join stored on true
    returning
        material_id,
        course_id,
        week_number,
        kind,
        origin,
        title,
        url,
        crawled_at,
        metadata,
        version,
        created_at,
        updated_at
)
select
    case
        when created.material_id is not null then json_build_object(
            'id', created.material_id,
            'course_id', created.course_id,
            'week_number', created.week_number,
            'kind', created.kind,
            'origin', created.origin,
            'title', created.title,
            'url', created.url,
            'file', json_build_object(
                'name', stored.name,
                'media_type', stored.media_type,
                'size', stored.byte_size,
                'sha256', encode(stored.sha256, 'hex')
            ),
            'crawled_at', created.crawled_at,
            'metadata', created.metadata,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.material_id as id
from actor
left join created on true
left join stored on true;
