-- materials/read_material
-- One material, for those who may see its course.
--
-- $1  token_hash   bytea
-- $2  material_id  uuid
--
-- result  versioned  Material    404: no such material for this actor
-- index   materials_pk, courses_pk, student_enrollments_pk

select /* materials/read_material */
    case
        when materials.material_id is not null then json_build_object(
            'id', materials.material_id,
            'course_id', materials.course_id,
            'week_number', materials.week_number,
            'kind', materials.kind,
            'origin', materials.origin,
            'title', materials.title,
            'url', materials.url,
            'file', case
                when files.file_id is not null then json_build_object(
                    'name', files.name,
                    'media_type', files.media_type,
                    'size', files.byte_size,
                    'sha256', encode(files.sha256, 'hex')
                )
            end,
            'crawled_at', materials.crawled_at,
            'metadata', materials.metadata,
            'version', materials.version,
            'created_at', materials.created_at,
            'updated_at', materials.updated_at
        )
    end as document,
    materials.version
from lms.actor($1) as actor
left join (
    lms.materials
    join lms.courses on courses.course_id = materials.course_id
    left join lms.files on files.file_id = materials.file_id
)
    on materials.material_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    );
