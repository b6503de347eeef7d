-- syllabus_weeks/delete_syllabus_week
-- Take one week out of a syllabus, by whoever teaches the course and has seen the syllabus' version.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  version      integer   of the syllabus, as it was seen; null for whichever there is
-- $4  week_number  smallint
--
-- result  versioned  Syllabus    404: no such week of a course for this actor
-- index   courses_pk, syllabus_weeks_pk

with /* syllabus_weeks/delete_syllabus_week */ actor as (
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
    join lms.syllabus_weeks on syllabus_weeks.course_id = courses.course_id
    cross join actor
    where
        courses.course_id = $2
        and syllabus_weeks.week_number = $4
        and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
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
deleted as (
    delete from lms.syllabus_weeks
    using updated
    where syllabus_weeks.course_id = updated.course_id and syllabus_weeks.week_number = $4
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
                            'week_number', weeks.week_number,
                            'topic', weeks.topic,
                            'objectives', weeks.objectives,
                            'reading', weeks.reading
                        )
                        order by weeks.week_number
                    ),
                    '[]'
                )
                from lms.syllabus_weeks as weeks
                where weeks.course_id = updated.course_id and weeks.week_number <> $4
            )
        )
    end as document,
    coalesce(updated.syllabus_version, target.syllabus_version) as version
from actor
left join target on true
left join updated on true;
