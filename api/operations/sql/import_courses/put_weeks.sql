-- import_courses/put_weeks
-- Write the weeks that are new or tell something else, and count the edit of each syllabus that has some.
--
-- $1  weeks  jsonb  an array of code (the course's), week_number, topic, objectives; no week twice
--
-- result  count

with /* import_courses/put_weeks */ wanted as (
    select courses.course_id, week.week_number, week.topic, week.objectives
    from jsonb_to_recordset($1) as week (code text, week_number smallint, topic text, objectives text)
    join lms.courses on courses.code = week.code
),
changed as (
    select wanted.course_id, wanted.week_number, wanted.topic, wanted.objectives
    from wanted
    left join lms.syllabus_weeks as weeks
        on weeks.course_id = wanted.course_id and weeks.week_number = wanted.week_number
    where
        weeks.course_id is null
        or weeks.topic <> wanted.topic
        -- A source without objectives has nothing against those that a lecturer wrote.
        or (wanted.objectives is not null and weeks.objectives is distinct from wanted.objectives)
),
bumped as (
    update lms.courses
    set syllabus_version = courses.syllabus_version + 1
    where courses.course_id in (select course_id from changed)
)
insert into lms.syllabus_weeks as weeks (course_id, week_number, topic, objectives)
select course_id, week_number, topic, objectives
from changed
on conflict on constraint syllabus_weeks_pk do update
set
    topic = excluded.topic,
    objectives = coalesce(excluded.objectives, weeks.objectives);
