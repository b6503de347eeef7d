-- materials/create_material
-- Put a link to something on a course, by whoever teaches it.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  week_number  smallint  null for all weeks
-- $4  kind         text
-- $5  title        text
-- $6  url          text      stored, never fetched
-- $7  metadata     jsonb     an object
--
-- result  created  Material    404: no such course for this actor to teach
-- fails   materials_week_number_ck
-- fails   materials_kind_ck
-- fails   materials_title_ck
-- fails   materials_url_ck
-- fails   materials_metadata_ck
-- index   courses_pk

with /* materials/create_material */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked, so that nobody deletes the course meanwhile.
    select courses.course_id
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for key share of courses
),
created as (
    insert into lms.materials (course_id, week_number, kind, origin, title, url, metadata)
    select target.course_id, $3, $4, 'linked', $5, $6, $7
    from target
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
            'file', null,
            'crawled_at', created.crawled_at,
            'metadata', created.metadata,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.material_id as id
from actor
left join created on true;
