-- syllabus_weeks/put_syllabus_week
-- Write one week of a syllabus, new or not, by whoever teaches the course and has seen the syllabus' version.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  version      integer   of the syllabus, as it was seen; null for whichever there is
-- $4  week_number  smallint
-- $5  topic        text
-- $6  objectives   text
-- $7  reading      text
--
-- result  versioned  Syllabus    404: no such course for this actor
-- fails   syllabus_weeks_week_number_ck
-- fails   syllabus_weeks_topic_ck
-- fails   syllabus_weeks_objectives_ck
-- fails   syllabus_weeks_reading_ck
-- index   courses_pk, syllabus_weeks_pk

with /* syllabus_weeks/put_syllabus_week */ actor as (
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
written as (
    insert into lms.syllabus_weeks as weeks (course_id, week_number, topic, objectives, reading)
    select updated.course_id, $4, $5, $6, $7
    from updated
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
                -- What is written here is not yet seen here: the rest from the table, this one from `written`.
                select json_agg(
                    json_build_object(
                        'week_number', weeks.week_number,
                        'topic', weeks.topic,
                        'objectives', weeks.objectives,
                        'reading', weeks.reading
                    )
                    order by weeks.week_number
                )
                from (
                    select week_number, topic, objectives, reading
                    from lms.syllabus_weeks
                    where syllabus_weeks.course_id = updated.course_id and syllabus_weeks.week_number <> $4
                    union all
                    select week_number, topic, objectives, reading
                    from written
                ) as weeks
            )
        )
    end as document,
    coalesce(updated.syllabus_version, target.syllabus_version) as version
from actor
left join target on true
left join updated on true;
