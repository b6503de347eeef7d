-- dashboards/list_at_risk
-- Who on a course may fail it, and why in numbers, oldest account first, one page of them, for those who teach it and
-- for administrators: whoever is active on the course and has one of these reasons at least. remedial_topics, 2 or
-- more: weeks whose mastery is remedial. missed_quizzes, 2 or more: quizzes that are closed, or published with
-- closes_at past, without an attempt in any state. average_share, under 0.5: the mean of average_score over the
-- student's weeks, each weighted by its attempts, rounded to four decimals; null where nothing is graded, and quizzes
-- without a week do not count. days_since_last_attempt, 14 or more: whole days of 24 hours since the latest started_at
-- of an attempt at a quiz of the course; null without any.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  after_id     uuid     the last student of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  AtRiskPage    404: no such course for this actor to teach
-- index   courses_pk, student_enrollments_course_id_state_student_id_ix, topic_performance_pk

select /* dashboards/list_at_risk */
    case
        when courses.course_id is not null and $6 then json_build_object(
            'items', student.items,
            'next', student.next,
            'total', least(student.total, 10000),
            'total_is_lower_bound', student.total > 10000
        )
        when courses.course_id is not null then json_build_object('items', student.items, 'next', student.next)
    end as document,
    student.next
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
left join lateral (
    with past as materialized (
        select count(*) as quizzes
        from lms.quizzes
        where
            quizzes.course_id = courses.course_id
            and (quizzes.state = 'closed' or quizzes.state = 'published' and quizzes.closes_at <= now())
    ),
    visible as not materialized (
        select
            enrollments.student_id,
            topics.remedial_topics,
            past.quizzes - taken.past_quizzes as missed_quizzes,
            topics.average_share,
            taken.days_since_last_attempt
        from lms.student_enrollments as enrollments
        cross join past
        cross join lateral (
            select
                count(*) filter (where performance.mastery = 'remedial') as remedial_topics,
                round(
                    sum(performance.average_score * performance.attempts) / sum(performance.attempts), 4
                ) as average_share
            from lms.topic_performance as performance
            where
                performance.student_id = enrollments.student_id and performance.course_id = enrollments.course_id
        ) as topics
        cross join lateral (
            -- By the student, who has taken fewer quizzes than a course may have.
            select
                count(distinct quizzes.quiz_id) filter (
                    where quizzes.state = 'closed' or quizzes.state = 'published' and quizzes.closes_at <= now()
                ) as past_quizzes,
                floor(extract(epoch from now() - max(attempts.started_at)) / 86400) as days_since_last_attempt
            from lms.quiz_attempts as attempts
            cross join lateral (
                select found.quiz_id, found.state, found.closes_at
                from lms.quizzes as found
                where found.quiz_id = attempts.quiz_id and found.course_id = enrollments.course_id
                offset 0   -- by its key: joined, all quizzes of the course would be read for each student
            ) as quizzes
            where attempts.student_id = enrollments.student_id
        ) as taken
        where
            enrollments.course_id = courses.course_id
            and enrollments.state = 'active'
            and (
                topics.remedial_topics >= 2
                or past.quizzes - taken.past_quizzes >= 2
                or topics.average_share < 0.5
                or taken.days_since_last_attempt >= 14
            )
    ),
    bounded as (
        select student_id, remedial_topics, missed_quizzes, average_share, days_since_last_attempt
        from visible
        where student_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by student_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select
            student_id,
            remedial_topics,
            missed_quizzes,
            average_share,
            days_since_last_attempt,
            row_number() over (order by student_id) as place
        from bounded
        order by student_id
        limit $4 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'student', json_build_object(
                        'id', students.user_id,
                        'email', students.email,
                        'full_name', students.full_name
                    ),
                    'remedial_topics', page.remedial_topics,
                    'missed_quizzes', page.missed_quizzes,
                    'average_share', page.average_share,
                    'days_since_last_attempt', page.days_since_last_attempt
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
) as student on true;
