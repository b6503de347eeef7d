-- materials/list_materials
-- What there is to read and to watch for a course, oldest entry first, one page of it, for those who may see the
-- course.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  MaterialPage    404: no such course for this actor
-- index   courses_pk, student_enrollments_pk, materials_course_id_material_id_ix

select /* materials/list_materials */
    case
        when courses.course_id is not null and $6 then json_build_object(
            'items', material.items,
            'next', material.next,
            'total', least(material.total, 10000),
            'total_is_lower_bound', material.total > 10000
        )
        when courses.course_id is not null then json_build_object('items', material.items, 'next', material.next)
    end as document,
    material.next
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    )
left join lateral (
    with visible as not materialized (
        select material_id
        from lms.materials
        where course_id = courses.course_id
    ),
    bounded as (
        select material_id
        from visible
        where material_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by material_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select material_id, row_number() over (order by material_id) as place
        from bounded
        order by material_id
        limit $4 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
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
                order by page.place
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.material_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.materials on materials.material_id = page.material_id
    left join lms.files on files.file_id = materials.file_id
) as material on true;
