-- import_courses/put_materials
-- Write the materials that are new or tell something else, as if crawled when they are first imported.
--
-- $1  materials  jsonb  an array of course_code, url, kind, title, fallback_title, week_number, metadata; none twice
--
-- result  count

with /* import_courses/put_materials */ wanted as (
    select
        given.place,
        courses.course_id,
        material.url,
        material.kind,
        material.title,
        material.fallback_title,
        material.week_number,
        material.metadata
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as material (
            course_code text,
            url text,
            kind text,
            title text,
            fallback_title text,
            week_number smallint,
            metadata jsonb
        )
    join lms.courses on courses.code = material.course_code
),
changed as (
    select
        wanted.place,
        wanted.course_id,
        wanted.url,
        wanted.kind,
        -- A source that says nothing of them has nothing against the title and the week that a lecturer gave.
        coalesce(wanted.title, present.title, wanted.fallback_title) as title,
        coalesce(wanted.week_number, present.week_number) as week_number,
        wanted.metadata
    from wanted
    left join lms.materials as present
        on present.course_id = wanted.course_id and present.url = wanted.url and present.origin = 'crawled'
    where
        present.material_id is null
        or present.kind <> wanted.kind
        or present.title <> wanted.title
        or (wanted.week_number is not null and present.week_number is distinct from wanted.week_number)
)
insert into lms.materials as materials (course_id, url, kind, origin, title, week_number, crawled_at, metadata)
select course_id, url, kind, 'crawled', title, week_number, now(), metadata
from changed
order by place
on conflict (course_id, url) where origin = 'crawled' do update
set
    kind = excluded.kind,
    title = excluded.title,
    week_number = excluded.week_number,
    version = materials.version + 1,
    updated_at = now();
