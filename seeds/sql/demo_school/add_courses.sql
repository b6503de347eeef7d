-- demo_school/add_courses
-- The courses that are not there yet, each with its syllabus and its materials. A course names its term by code, its
-- lecturer by e-mail address, and holds an array of weeks, the first one first, and one of materials: kind, title and
-- url, and if known week, metadata, and crawled_at of what was crawled.
--
-- $1  courses  jsonb  an array of code, title, description, term, lecturer, capacity, state, weeks, materials
--
-- result  count

with /* demo_school/add_courses */ wanted as (
    select
        given.place,
        course.code,
        course.title,
        course.description,
        terms.term_id,
        lecturers.user_id as lecturer_id,
        course.capacity,
        course.state,
        course.weeks,
        course.materials
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as course (
            code text,
            title text,
            description text,
            term text,
            lecturer text,
            capacity integer,
            state text,
            weeks jsonb,
            materials jsonb
        )
    join lms.terms on terms.code = course.term
    join lms.users as lecturers on lecturers.email = course.lecturer
),
added as (
    insert into lms.courses (code, title, description, term_id, lecturer_id, capacity, state)
    select code, title, description, term_id, lecturer_id, capacity, state
    from wanted
    order by place
    on conflict on constraint courses_code_uq do nothing
    returning course_id, code
),
-- Only below what was added: a course that was there keeps the syllabus and the materials it has, even none.
furnished as (
    insert into lms.materials (course_id, week_number, kind, origin, title, url, crawled_at, metadata)
    select
        added.course_id,
        material.week,
        material.kind,
        case when material.crawled_at is null then 'linked' else 'crawled' end,
        material.title,
        material.url,
        material.crawled_at,
        coalesce(material.metadata, '{}')
    from added
    join wanted on wanted.code = added.code
    cross join lateral jsonb_array_elements(wanted.materials) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as material (
            week smallint,
            kind text,
            title text,
            url text,
            crawled_at timestamptz,
            metadata jsonb
        )
    order by wanted.place, given.place
)
insert into lms.syllabus_weeks (course_id, week_number, topic, objectives, reading)
select added.course_id, given.week_number, week.topic, week.objectives, week.reading
from added
join wanted on wanted.code = added.code
cross join lateral jsonb_array_elements(wanted.weeks) with ordinality as given (document, week_number)
cross join lateral jsonb_to_record(given.document) as week (topic text, objectives text, reading text);
