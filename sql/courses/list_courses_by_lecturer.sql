-- courses/list_courses_by_lecturer
-- The courses of one lecturer, if wanted of one term alone, that an actor may see, oldest first, one page of them.
-- The term is a residual: one person teaches few courses.
--
-- $1  token_hash   bytea
-- $2  lecturer_id  uuid
-- $3  term_id      uuid     null for all terms
-- $4  after_id     uuid     the last id of the page before; null for the first
-- $5  page_limit   integer  1 to 100
-- $6  page_offset  bigint
-- $7  with_total   boolean  counting costs more than the page
--
-- result  page  CoursePage
-- index   courses_lecturer_id_course_id_ix, student_enrollments_pk

select /* courses/list_courses_by_lecturer */
    case
        when $7 then json_build_object(
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
            where actor.role = 'super_admin' and lecturer_id = $2 and term_id = coalesce($3, term_id)
            order by course_id
        )
        union all
        (
            select course_id
            from lms.courses
            where
                actor.role = 'lecturer'
                and actor.user_id = $2
                and lecturer_id = actor.user_id
                and term_id = coalesce($3, term_id)
            order by course_id
        )
        union all
        (
            select enrollments.course_id
            from lms.student_enrollments as enrollments
            join lms.courses on courses.course_id = enrollments.course_id
            where
                actor.role = 'student'
                and enrollments.student_id = actor.user_id
                and enrollments.state in ('active', 'completed')
                and courses.state <> 'draft'
                and courses.lecturer_id = $2
                and courses.term_id = coalesce($3, courses.term_id)
            order by enrollments.course_id
        )
    ),
    bounded as (
        select course_id
        from visible
        where course_id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
        order by course_id
        limit 101 offset $6   -- a constant bound: a generic plan cannot see how small $5 is
    ),
    page as (
        select course_id, row_number() over (order by course_id) as place
        from bounded
        order by course_id
        limit $5 + 1
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
            ) filter (where page.place <= $5),
            '[]'
        ) as items,
        case
            when count(*) > $5 then lms.cursor((array_agg(page.course_id) filter (where page.place = $5))[1])
        end as next,
        case when $7 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.courses on courses.course_id = page.course_id
    join lms.terms on terms.term_id = courses.term_id
    join lms.users as lecturers on lecturers.user_id = courses.lecturer_id
) as course on true;
