-- syllabus_weeks/read_syllabus
-- The syllabus of a course, week by week, for those who may see the course.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
--
-- result  versioned  Syllabus    404: no such course for this actor
-- index   courses_pk, syllabus_weeks_pk, student_enrollments_pk

select /* syllabus_weeks/read_syllabus */
    case
        when courses.course_id is not null then json_build_object(
            'course_id', courses.course_id,
            'version', courses.syllabus_version,
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
                where weeks.course_id = courses.course_id
            )
        )
    end as document,
    courses.syllabus_version as version
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    );
