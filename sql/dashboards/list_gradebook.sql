-- dashboards/list_gradebook
-- What each student of a course has for each of its quizzes, oldest account first, one page of students, for those who
-- teach it and for administrators.
-- quizzes           the columns, the same on every page: the quizzes that are no drafts, by week, those of the whole
--                   course last; the first 200. max_score is what the present questions are worth. has_more_quizzes
--                   says that there are others, of which no row has anything.
-- items             students who are active on the course or completed it, as enrollment_state says; each with the
--                   quizzes among the columns that they have begun, in the same order:
-- share             what counts by the quiz's score_policy of score / max_score over the graded attempts: the highest;
--                   that of the attempt handed in last; the mean of all; rounded to four decimals, and null without a
--                   graded attempt.
-- attempts          how many there are in any state.
-- awaiting_review   how many of them were handed in and wait for a person.
-- state             in_progress if one is, else submitted if one waits for a person, else graded.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  after_id     uuid     the last student of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  Gradebook    404: no such course for this actor to teach
-- index   courses_pk, student_enrollments_course_id_state_student_id_ix, quizzes_course_id_week_number_quiz_id_ix
-- index   quiz_versions_pk, users_pk, quiz_attempts_attempt_number_uq

select /* dashboards/list_gradebook */
    case
        when courses.course_id is not null and $6 then json_build_object(
            'quizzes', student.quizzes,
            'has_more_quizzes', student.has_more_quizzes,
            'items', student.items,
            'next', student.next,
            'total', least(student.total, 10000),
            'total_is_lower_bound', student.total > 10000
        )
        when courses.course_id is not null then json_build_object(
            'quizzes', student.quizzes,
            'has_more_quizzes', student.has_more_quizzes,
            'items', student.items,
            'next', student.next
        )
    end as document,
    student.next
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
left join lateral (
    with visible as not materialized (
        -- One branch per state: they are merged in the order of the index, which has the state before the student.
        (
            select course_id, student_id, state
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'active'
            order by student_id
        )
        union all
        (
            select course_id, student_id, state
            from lms.student_enrollments
            where course_id = courses.course_id and state = 'completed'
            order by student_id
        )
    ),
    bounded as (
        select course_id, student_id, state
        from visible
        where student_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by student_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select
            course_id,
            student_id,
            state,
            row_number() over (order by student_id) as place
        from bounded
        order by student_id
        limit $4 + 1
    ),
    columns as materialized (
        -- One more than are shown: it says that there are more.
        select
            quiz_id,
            week_number,
            title,
            state,
            opens_at,
            closes_at,
            score_policy,
            current_version,
            row_number() over (order by week_number, quiz_id) as place
        from lms.quizzes
        where course_id = courses.course_id and state <> 'draft'
        order by week_number, quiz_id
        limit 201
    )
    select
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'id', columns.quiz_id,
                            'week_number', columns.week_number,
                            'title', columns.title,
                            'state', columns.state,
                            'opens_at', columns.opens_at,
                            'closes_at', columns.closes_at,
                            'max_score', (
                                -- By its key: joined, a plan may read the questions of all quizzes.
                                select versions.max_score
                                from lms.quiz_versions as versions
                                where
                                    versions.quiz_id = columns.quiz_id
                                    and versions.version_number = columns.current_version
                            ),
                            'score_policy', columns.score_policy
                        )
                        order by columns.place
                    ),
                    '[]'
                )
            from columns
            where columns.place <= 200
        ) as quizzes,
        (select count(*) > 200 from columns) as has_more_quizzes,
        coalesce(
            json_agg(
                json_build_object(
                    'student', json_build_object(
                        'id', students.user_id,
                        'email', students.email,
                        'full_name', students.full_name
                    ),
                    'enrollment_state', page.state,
                    'grades', grade.items
                )
                order by page.place
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.student_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.users as students on students.user_id = page.student_id
    cross join lateral (
        select
            coalesce(
                json_agg(
                    json_build_object(
                        'quiz_id', taken.quiz_id,
                        'share', taken.share,
                        'attempts', taken.attempts,
                        'awaiting_review', taken.awaiting_review,
                        'state', taken.state
                    )
                    order by taken.place
                ),
                '[]'
            ) as items
        from (
            select
                columns.quiz_id,
                columns.place,
                count(*) as attempts,
                count(*) filter (where attempts.state = 'submitted') as awaiting_review,
                case
                    when bool_or(attempts.state = 'in_progress') then 'in_progress'
                    when bool_or(attempts.state = 'submitted') then 'submitted'
                    else 'graded'
                end as state,
                round(
                    case columns.score_policy
                        when 'highest' then max(attempts.score / attempts.max_score)
                        when 'average' then avg(attempts.score / attempts.max_score)
                        else
                            (array_agg(
                                attempts.score / attempts.max_score
                                order by attempts.submitted_at desc, attempts.attempt_id desc
                            ) filter (where attempts.state = 'graded'))[1]
                    end,
                    4
                ) as share
            from lms.quiz_attempts as attempts
            join columns on columns.quiz_id = attempts.quiz_id and columns.place <= 200
            where attempts.student_id = page.student_id
            group by columns.quiz_id, columns.place, columns.score_policy
        ) as taken
    ) as grade
) as student on true;
