-- performance/list_performance
-- How far a student is, course by course, oldest course first, one page of them, or on one course alone: with each
-- course its weeks of which something is graded. To the student themself for what they attend; to a lecturer for what
-- they teach, and to administrators for all, whether the student is invited, active, dropped it or completed it, as
-- enrollment_state says.
-- The numbers are those of lms.topic_performance. All are shares of points, score / max_score, of graded attempts at
-- the quizzes of the week: best_score the highest; last_score that of the attempt handed in last; average_score their
-- mean; each rounded to four decimals. attempts is how many those are; updated_at when any of it last changed.
--
-- $1  token_hash   bytea
-- $2  student_id   uuid
-- $3  course_id    uuid     null for all courses
-- $4  after_id     uuid     the last course of the page before; null for the first
-- $5  page_limit   integer  1 to 100
-- $6  page_offset  bigint
-- $7  with_total   boolean  counting costs more than the page
--
-- result  page  PerformancePage    404: no such student for this actor
-- index   users_pk, student_enrollments_pk, courses_lecturer_id_course_id_ix, topic_performance_pk

select /* performance/list_performance */
    case
        when students.user_id is not null and $7 then json_build_object(
            'items', course.items,
            'next', course.next,
            'total', least(course.total, 10000),
            'total_is_lower_bound', course.total > 10000
        )
        when students.user_id is not null then json_build_object('items', course.items, 'next', course.next)
    end as document,
    course.next
from lms.actor($1) as actor
left join lms.users as students
    on students.user_id = $2
    and students.role = 'student'
    and (
        lms.can_see_user(actor.user_id, actor.role, students.user_id)
        or exists (
            select
            from lms.courses as taught
            join lms.student_enrollments as enrollments
                on enrollments.student_id = students.user_id and enrollments.course_id = taught.course_id
            where actor.role = 'lecturer' and taught.lecturer_id = actor.user_id
        )
    )
left join lateral (
    with visible as not materialized (
        (
            select enrollments.student_id, enrollments.course_id
            from lms.student_enrollments as enrollments
            where actor.role = 'super_admin' and enrollments.student_id = students.user_id
            order by enrollments.course_id
        )
        union all
        (
            select enrollments.student_id, enrollments.course_id
            from lms.courses as taught
            join lms.student_enrollments as enrollments
                on enrollments.student_id = students.user_id and enrollments.course_id = taught.course_id
            where actor.role = 'lecturer' and taught.lecturer_id = actor.user_id
            order by taught.course_id
        )
        union all
        (
            select enrollments.student_id, enrollments.course_id
            from lms.student_enrollments as enrollments
            join lms.courses on courses.course_id = enrollments.course_id
            where
                actor.role = 'student'
                and enrollments.student_id = students.user_id
                and enrollments.state in ('active', 'completed')
                and courses.state <> 'draft'
            order by enrollments.course_id
        )
    ),
    wanted as not materialized (
        -- Between bounds, which every branch's index serves as it serves the cursor.
        select student_id, course_id
        from visible
        where
            course_id between coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
            and coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ),
    bounded as (
        select student_id, course_id
        from wanted
        where course_id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
        order by course_id
        limit 101 offset $6   -- a constant bound: a generic plan cannot see how small $5 is
    ),
    page as (
        select student_id, course_id, row_number() over (order by course_id) as place
        from bounded
        order by course_id
        limit $5 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'course', json_build_object(
                        'id', courses.course_id,
                        'code', courses.code,
                        'title', courses.title,
                        'state', courses.state
                    ),
                    'enrollment_state', (
                        -- By its key, as below.
                        select enrollments.state
                        from lms.student_enrollments as enrollments
                        where enrollments.student_id = page.student_id and enrollments.course_id = page.course_id
                    ),
                    'weeks', week.items
                )
                order by page.place
            ) filter (where page.place <= $5),
            '[]'
        ) as items,
        case
            when count(*) > $5 then lms.cursor((array_agg(page.course_id) filter (where page.place = $5))[1])
        end as next,
        case when $7 then (select count(*) from (select from wanted limit 10001) as counted) end as total
    from page
    cross join lateral (
        select found.course_id, found.code, found.title, found.state
        from lms.courses as found
        where found.course_id = page.course_id
        offset 0   -- by its key: joined, a plan that expects a long page would read all courses
    ) as courses
    cross join lateral (
        select
            coalesce(
                json_agg(
                    json_build_object(
                        'week_number', performance.week_number,
                        'topic', (
                            -- By its key, as above.
                            select weeks.topic
                            from lms.syllabus_weeks as weeks
                            where
                                weeks.course_id = performance.course_id
                                and weeks.week_number = performance.week_number
                        ),
                        'attempts', performance.attempts,
                        'best_score', performance.best_score,
                        'last_score', performance.last_score,
                        'average_score', performance.average_score,
                        'mastery', performance.mastery,
                        'updated_at', performance.updated_at
                    )
                    order by performance.week_number
                ),
                '[]'
            ) as items
        from lms.topic_performance as performance
        where performance.student_id = page.student_id and performance.course_id = page.course_id
    ) as week
) as course on true;
