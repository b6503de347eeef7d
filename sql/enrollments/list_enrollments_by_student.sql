-- enrollments/list_enrollments_by_student
-- Which courses a student is or was on, oldest course first, one page of them, for themself and for administrators.
--
-- $1  token_hash   bytea
-- $2  student_id   uuid
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  EnrollmentPage    404: no such student for this actor
-- index   users_pk, student_enrollments_pk

select /* enrollments/list_enrollments_by_student */
    case
        when students.user_id is not null and $6 then json_build_object(
            'items', enrollment.items,
            'next', enrollment.next,
            'total', least(enrollment.total, 10000),
            'total_is_lower_bound', enrollment.total > 10000
        )
        when students.user_id is not null then json_build_object('items', enrollment.items, 'next', enrollment.next)
    end as document,
    enrollment.next
from lms.actor($1) as actor
left join lms.users as students
    on students.user_id = $2
    and students.role = 'student'
    and lms.can_see_user(actor.user_id, actor.role, students.user_id)
left join lateral (
    with visible as not materialized (
        select student_id, course_id
        from lms.student_enrollments
        where student_id = students.user_id
    ),
    bounded as (
        select student_id, course_id
        from visible
        where course_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by course_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select student_id, course_id, row_number() over (order by course_id) as place
        from bounded
        order by course_id
        limit $4 + 1
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
                    'student', json_build_object(
                        'id', students.user_id,
                        'email', students.email,
                        'full_name', students.full_name
                    ),
                    'state', enrollments.state,
                    'delivery_id', enrollments.delivery_id,
                    'version', enrollments.version,
                    'enrolled_at', enrollments.enrolled_at,
                    'updated_at', enrollments.updated_at
                )
                order by page.place
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.course_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.student_enrollments as enrollments
        -- Not students.user_id: knowing that it is one student, a plan may read all of theirs to find these few.
        on enrollments.student_id = page.student_id and enrollments.course_id = page.course_id
    join lms.courses on courses.course_id = page.course_id
) as enrollment on true;
