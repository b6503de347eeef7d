-- materials/update_material
-- Change a material, by whoever teaches its course and has seen its present version.
--
-- $1  token_hash   bytea
-- $2  material_id  uuid
-- $3  version      integer  the version that was seen; null for whichever there is
-- $4  patch        jsonb    a merge patch, except that metadata goes in whole: week_number, kind, title, url, metadata
--
-- result  versioned  Material    404: no such material for this actor to change
-- fails   materials_week_number_ck
-- fails   materials_kind_ck
-- fails   materials_title_ck
-- fails   materials_url_ck
-- fails   materials_source_ck
-- fails   materials_kind_file         422 /kind The file is of another type.
-- fails   materials_metadata_ck
-- fails   materials_course_id_url_uq
-- index   materials_pk, courses_pk

with /* materials/update_material */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won.
    select materials.material_id, materials.version, materials.file_id, files.media_type
    from lms.materials
    join lms.courses on courses.course_id = materials.course_id
    left join lms.files on files.file_id = materials.file_id
    cross join actor
    where materials.material_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of materials
),
updated as (
    update lms.materials
    set
        week_number = case
            when $4 ? 'week_number' then ($4 ->> 'week_number')::smallint
            else materials.week_number
        end,
        kind = case
            when not $4 ? 'kind' then materials.kind
            when target.file_id is null or lms.can_hold($4 ->> 'kind', target.media_type) then $4 ->> 'kind'
            else lms.refuse('materials_kind_file')
        end,
        title = case when $4 ? 'title' then $4 ->> 'title' else materials.title end,
        url = case when $4 ? 'url' then $4 ->> 'url' else materials.url end,
        metadata = case when $4 ? 'metadata' then $4 -> 'metadata' else materials.metadata end,
        version = materials.version + 1,
        updated_at = now()
    from target
    where materials.material_id = target.material_id and target.version = coalesce($3, target.version)
    returning
        materials.material_id,
        materials.course_id,
        materials.week_number,
        materials.kind,
        materials.origin,
        materials.title,
        materials.url,
        materials.file_id,
        materials.crawled_at,
        materials.metadata,
        materials.version,
        materials.created_at,
        materials.updated_at
)
select
    case
        when updated.material_id is not null then json_build_object(
            'id', updated.material_id,
            'course_id', updated.course_id,
            'week_number', updated.week_number,
            'kind', updated.kind,
            'origin', updated.origin,
            'title', updated.title,
            'url', updated.url,
            'file', case
                when files.file_id is not null then json_build_object(
                    'name', files.name,
                    'media_type', files.media_type,
                    'size', files.byte_size,
                    'sha256', encode(files.sha256, 'hex')
                )
            end,
            'crawled_at', updated.crawled_at,
            'metadata', updated.metadata,
            'version', updated.version,
            'created_at', updated.created_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join updated on true
left join lms.files on files.file_id = updated.file_id;
