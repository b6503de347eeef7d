-- courses/list_courses_by_term
-- The courses of one term that an actor may see, oldest first, one page of them.
--
-- $1  token_hash   bytea
-- $2  term_id      uuid
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  CoursePage
-- index   courses_term_id_course_id_ix, courses_lecturer_id_course_id_ix, student_enrollments_pk

select /* courses/list_courses_by_term */
    case
        when $6 then json_build_object(
            'items', course.items,
            'next', course.next,
            'total', least(course.total, 10000),
            'total_is_lower_bound', course.total > 10000
        )
        else json_build_object('items', course.items, 'next', course.next)
    end as document,
    course.next
from lms.actor($1) as actor
left join lateral (
    with visible as not materialized (
        (
            select course_id
            from lms.courses
            where actor.role = 'super_admin' and term_id = $2
            order by course_id
        )
        union all
        (
            -- The term is a residual: one person teaches few courses.
            select course_id
            from lms.courses
            where actor.role = 'lecturer' and lecturer_id = actor.user_id and term_id = $2
            order by course_id
        )
        union all
        (
            -- Both are residuals, the term and what is a draft: one person is on few courses.
            select enrollments.course_id
            from lms.student_enrollments as enrollments
            join lms.courses on courses.course_id = enrollments.course_id
            where
                actor.role = 'student'
                and enrollments.student_id = actor.user_id
                and enrollments.state in ('active', 'completed')
                and courses.state <> 'draft'
                and courses.term_id = $2
            order by enrollments.course_id
        )
    ),
    bounded as (
        select course_id
        from visible
        where course_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by course_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select course_id, row_number() over (order by course_id) as place
        from bounded
        order by course_id
        limit $4 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', courses.course_id,
                    'code', courses.code,
                    'title', courses.title,
                    'description', courses.description,
                    'term', json_build_object('id', terms.term_id, 'code', terms.code, 'title', terms.title),
                    'lecturer', json_build_object('id', lecturers.user_id, 'full_name', lecturers.full_name),
                    'capacity', courses.capacity,
                    'seats_taken', courses.seats_taken,
                    'state', courses.state,
                    'mastery_policy', courses.mastery_policy,
                    'version', courses.version,
                    'created_at', courses.created_at,
                    'updated_at', courses.updated_at
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
    join lms.courses on courses.course_id = page.course_id
    join lms.terms on terms.term_id = courses.term_id
    join lms.users as lecturers on lecturers.user_id = courses.lecturer_id
) as course on true;
