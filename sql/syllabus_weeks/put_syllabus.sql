-- syllabus_weeks/put_syllabus
-- Replace the whole syllabus of a course, by whoever teaches it and has seen its present version.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  version     integer  of the syllabus, as it was seen; null for whichever there is
-- $4  weeks       jsonb    an array of week_number, topic, objectives, reading; no number twice
--
-- result  versioned  Syllabus    404: no such course for this actor
-- fails   syllabus_weeks_week_number_ck
-- fails   syllabus_weeks_topic_ck
-- fails   syllabus_weeks_objectives_ck
-- fails   syllabus_weeks_reading_ck
-- index   courses_pk, syllabus_weeks_pk

with /* syllabus_weeks/put_syllabus */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- The lock on the course is the lock on its syllabus. The lock shows the course as it is now, everything else
    -- in this statement is seen as it was when the statement began: where the two differ, another writer came
    -- between, whose weeks would be overlooked. That is 412 even for `*`.
    select
        courses.course_id,
        courses.syllabus_version,
        (select began.syllabus_version from lms.courses as began where began.course_id = $2) as began_version
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of courses
),
updated as (
    update lms.courses
    set syllabus_version = courses.syllabus_version + 1
    from target
    where
        courses.course_id = target.course_id
        and target.syllabus_version = target.began_version
        and target.syllabus_version = coalesce($3, target.syllabus_version)
    returning courses.course_id, courses.syllabus_version
),
wanted as (
    select week.week_number, week.topic, week.objectives, week.reading
    from jsonb_to_recordset($4) as week (week_number smallint, topic text, objectives text, reading text)
),
deleted as (
    delete from lms.syllabus_weeks
    using updated
    where
        syllabus_weeks.course_id = updated.course_id
        and not exists (select from wanted where wanted.week_number = syllabus_weeks.week_number)
),
written as (
    insert into lms.syllabus_weeks as weeks (course_id, week_number, topic, objectives, reading)
    select updated.course_id, wanted.week_number, wanted.topic, wanted.objectives, wanted.reading
    from updated
    cross join wanted
    on conflict on constraint syllabus_weeks_pk do update
    set
        topic = excluded.topic,
        objectives = excluded.objectives,
        reading = excluded.reading
    returning weeks.week_number, weeks.topic, weeks.objectives, weeks.reading
)
select
    case
        when updated.course_id is not null then json_build_object(
            'course_id', updated.course_id,
            'version', updated.syllabus_version,
            'weeks', (
                select coalesce(
                    json_agg(
                        json_build_object(
                            'week_number', written.week_number,
                            'topic', written.topic,
                            'objectives', written.objectives,
                            'reading', written.reading
                        )
                        order by written.week_number
                    ),
                    '[]'
                )
                from written
            )
        )
    end as document,
    coalesce(updated.syllabus_version, target.syllabus_version) as version
from actor
left join target on true
left join updated on true;
