-- files/read_file
-- What the file of a material is, for those who may see the course.
--
-- $1  token_hash   bytea
-- $2  material_id  uuid
--
-- result  json  StoredFile    404: no such file for this actor
-- index   materials_pk, courses_pk, student_enrollments_pk, files_pk

select /* files/read_file */
    case
        when files.file_id is not null then json_build_object(
            'id', files.file_id,
            'name', files.name,
            'media_type', files.media_type,
            'size', files.byte_size,
            'sha256', encode(files.sha256, 'hex')
        )
    end as document
from lms.actor($1) as actor
left join (
    lms.materials
    join lms.courses on courses.course_id = materials.course_id
    join lms.files on files.file_id = materials.file_id
)
    on materials.material_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    );
