-- materials/put_crawled_material
-- Write what a crawler found at an address for a course, new or not, on behalf of whoever teaches it. What was crawled
-- later stays.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  week_number  smallint     null for all weeks
-- $4  kind         text
-- $5  title        text
-- $6  url          text         with the course the key; stored, never fetched
-- $7  crawled_at   timestamptz
-- $8  metadata     jsonb        an object
--
-- result  versioned  Material    404: no such course for this actor to teach
-- fails   materials_week_number_ck
-- fails   materials_kind_ck
-- fails   materials_title_ck
-- fails   materials_url_ck
-- fails   materials_metadata_ck
-- fails   materials_crawled_at_past  422 /crawled_at This time is yet to come.
-- index   courses_pk, materials_course_id_url_uq

with /* materials/put_crawled_material */ actor as (
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
written as (
    insert into lms.materials as materials (course_id, week_number, kind, origin, title, url, crawled_at, metadata)
    select
        target.course_id,
        $3,
        $4,
        'crawled',
        $5,
        $6,
        case
            -- Clocks differ a little.
            when $7 <= now() + interval '5 minutes' then $7
            else lms.refuse('materials_crawled_at_past')::timestamptz
        end,
        $8
    from target
    on conflict (course_id, url) where origin = 'crawled' do update
    -- Always written, even with what is there: `returning` leaves out a row that is left alone, and one that another
    -- crawler has put there since this statement began could not be read either.
    set (week_number, kind, title, crawled_at, metadata, version, updated_at) = (
        select
            excluded.week_number,
            excluded.kind,
            excluded.title,
            excluded.crawled_at,
            excluded.metadata,
            materials.version + 1,
            now()
        where excluded.crawled_at > materials.crawled_at
        union all
        select
            materials.week_number,
            materials.kind,
            materials.title,
            materials.crawled_at,
            materials.metadata,
            materials.version,
            materials.updated_at
        where excluded.crawled_at <= materials.crawled_at
    )
    returning
        materials.material_id,
        materials.course_id,
        materials.week_number,
        materials.kind,
        materials.origin,
        materials.title,
        materials.url,
        materials.crawled_at,
        materials.metadata,
        materials.version,
        materials.created_at,
        materials.updated_at
)
select
    case
        when written.material_id is not null then json_build_object(
            'id', written.material_id,
            'course_id', written.course_id,
            'week_number', written.week_number,
            'kind', written.kind,
            'origin', written.origin,
            'title', written.title,
            'url', written.url,
            'file', null,
            'crawled_at', written.crawled_at,
            'metadata', written.metadata,
            'version', written.version,
            'created_at', written.created_at,
            'updated_at', written.updated_at
        )
    end as document,
    written.version
from actor
left join written on true;
