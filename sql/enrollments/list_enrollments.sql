-- enrollments/list_enrollments
-- Who is on a course, if wanted in one state alone, oldest account first, one page of them, for those who teach it and
-- for administrators.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  state        text     null for all states
-- $4  after_id     uuid     the last id of the page before; null for the first
-- $5  page_limit   integer  1 to 100
-- $6  page_offset  bigint
-- $7  with_total   boolean  counting costs more than the page
--
-- result  page  EnrollmentPage    404: no such course for this actor to teach
-- index   courses_pk, student_enrollments_course_id_state_student_id_ix

select /* enrollments/list_enrollments */
    case
        when courses.course_id is not null and $7 then json_build_object(
            'items', enrollment.items,
            'next', enrollment.next,
            'total', least(enrollment.total, 10000),
            'total_is_lower_bound', enrollment.total > 10000
        )
        when courses.course_id is not null then json_build_object('items', enrollment.items, 'next', enrollment.next)
    end as document,
    enrollment.next
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
left join lateral (
    with visible as not materialized (
        -- One branch per state: they are merged in the order of the index, which has the state before the student.
        (
            select course_id, student_id
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'invited' and coalesce($3, 'invited') = 'invited'
            order by student_id
        )
        union all
        (
            select course_id, student_id
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'active' and coalesce($3, 'active') = 'active'
            order by student_id
        )
        union all
        (
            select course_id, student_id
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'completed' and coalesce($3, 'completed') = 'completed'
            order by student_id
        )
        union all
        (
            select course_id, student_id
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'dropped' and coalesce($3, 'dropped') = 'dropped'
            order by student_id
        )
    ),
    bounded as (
        select course_id, student_id
        from visible
        where student_id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
        order by student_id
        limit 101 offset $6   -- a constant bound: a generic plan cannot see how small $5 is
    ),
    page as (
        select course_id, student_id, row_number() over (order by student_id) as place
        from bounded
        order by student_id
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
            ) filter (where page.place <= $5),
            '[]'
        ) as items,
        case
            when count(*) > $5 then lms.cursor((array_agg(page.student_id) filter (where page.place = $5))[1])
        end as next,
        case when $7 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.student_enrollments as enrollments
        -- Not courses.course_id: knowing that it is one course, a plan may read all of it to find these few.
        on enrollments.student_id = page.student_id and enrollments.course_id = page.course_id
    join lms.users as students on students.user_id = page.student_id
) as enrollment on true;
