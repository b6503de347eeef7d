-- materials/delete_material
-- Take a material off its course, by whoever teaches the course and has seen the material's present version. Its file,
-- if it has one, is to be removed.
--
-- $1  token_hash   bytea
-- $2  material_id  uuid
-- $3  version      integer  the version that was seen; null for whichever there is
--
-- result  versioned  DeletedMaterial    404: no such material for this actor to delete
-- index   materials_pk, courses_pk

with /* materials/delete_material */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    select materials.material_id, materials.version
    from lms.materials
    join lms.courses on courses.course_id = materials.course_id
    cross join actor
    where materials.material_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for update of materials
),
deleted as (
    delete from lms.materials
    using target
    where materials.material_id = target.material_id and target.version = coalesce($3, target.version)
    returning materials.material_id, materials.file_id
),
unshown as (
    update lms.files
    set state = 'deleting'
    from deleted
    where files.file_id = deleted.file_id
)
select
    case
        when deleted.material_id is not null then json_build_object(
            'id', deleted.material_id,
            'file_id', deleted.file_id
        )
    end as document,
    target.version
from actor
left join target on true
left join deleted on true;
