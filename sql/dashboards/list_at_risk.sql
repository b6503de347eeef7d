-- dashboards/list_at_risk
-- Who on a course may fail it, and why, oldest account first, one page of them, for those who teach it and for
-- administrators: whoever is active on the course and has one of these reasons at least.
-- remedial_topics          2 or more: weeks whose mastery is remedial.
-- missed_quizzes           2 or more: quizzes that are closed, or published with closes_at past, that were open after
--                          the student was enrolled, without an attempt in any state. A closed one was open until
--                          closes_at or its last edit, whichever was first; one that ended before opens_at never was.
-- average_share            under 0.5: the mean, over the quizzes with a graded attempt, of the share that counts by the
--                          policy of each, as dashboards/list_gradebook has it; rounded to four decimals, null without
--                          any, and exams without a week count.
-- days_since_last_attempt  14 or more: whole days of 24 hours since the latest started_at of an attempt at a quiz of
--                          the course; null without any, and then those since enrolled_at are what counts. No reason
--                          unless the course is published and there was something to do for as long: a published quiz
--                          that the student has never begun, open within the last 14 days; if all of those opened
--                          later, the days since the first of them are what counts.
-- reasons                  the names of those that are, in this order.
-- Students are judged in turn until the page is full, each by their attempts at the quizzes of the course, which are
-- looked up quiz by quiz. So a page costs a page where most are at risk, and where few are, at most all students times
-- all quizzes of the course: some 0.5 s for 5,000 students and 10 quizzes. To count is to judge all of them once more.
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
-- index   quiz_attempts_attempt_number_uq

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
    with quizzes as materialized (
        select
            quizzes.quiz_id,
            quizzes.score_policy,
            quizzes.opens_at,
            case
                when quizzes.state = 'closed' then least(quizzes.closes_at, quizzes.updated_at)
                when quizzes.state = 'published' and quizzes.closes_at <= now() then quizzes.closes_at
            end as ended_at,
            case
                when
                    courses.state = 'published'
                    and quizzes.state = 'published'
                    and coalesce(quizzes.opens_at <= now(), true)
                    and coalesce(quizzes.closes_at > now() - interval '14 days', true)
                    then coalesce(quizzes.opens_at, '-infinity')
            end as offered_since
        from lms.quizzes
        where quizzes.course_id = courses.course_id
    ),
    visible as not materialized (
        select
            enrollments.student_id,
            topics.remedial_topics,
            results.missed_quizzes,
            results.average_share,
            activity.days_since_last_attempt,
            reason.names as reasons
        from lms.student_enrollments as enrollments
        cross join lateral (
            select count(*) filter (where performance.mastery = 'remedial') as remedial_topics
            from lms.topic_performance as performance
            where
                performance.student_id = enrollments.student_id and performance.course_id = enrollments.course_id
        ) as topics
        cross join lateral (
            select
                count(*) filter (
                    where taken.attempts = 0 and quizzes.ended_at > greatest(quizzes.opens_at, enrollments.enrolled_at)
                ) as missed_quizzes,
                round(avg(taken.share), 4) as average_share,
                max(taken.started_at) as started_at,
                min(quizzes.offered_since) filter (where taken.attempts = 0) as offered_since
            from quizzes
            cross join lateral (
                -- A group of its own for each quiz: joined, all that the student ever took might be read.
                select
                    count(*) as attempts,
                    max(attempts.started_at) as started_at,
                    round(
                        case quizzes.score_policy
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
                where attempts.student_id = enrollments.student_id and attempts.quiz_id = quizzes.quiz_id
            ) as taken
        ) as results
        cross join lateral (
            select
                floor(extract(epoch from now() - results.started_at) / 86400) as days_since_last_attempt,
                floor(
                    extract(
                        epoch from now()
                        - greatest(coalesce(results.started_at, enrollments.enrolled_at), results.offered_since)
                    )
                    / 86400
                ) as idle_days
        ) as activity
        cross join lateral (
            select
                array_remove(
                    array[
                        case when topics.remedial_topics >= 2 then 'remedial_topics' end,
                        case when results.missed_quizzes >= 2 then 'missed_quizzes' end,
                        case when results.average_share < 0.5 then 'average_share' end,
                        case
                            when activity.idle_days >= 14 and results.offered_since is not null
                                then 'days_since_last_attempt'
                        end
                    ],
                    null
                ) as names
        ) as reason
        where
            enrollments.course_id = courses.course_id
            and enrollments.state = 'active'
            and cardinality(reason.names) > 0
    ),
    bounded as (
        select student_id, remedial_topics, missed_quizzes, average_share, days_since_last_attempt, reasons
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
            reasons,
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
                    'days_since_last_attempt', page.days_since_last_attempt,
                    'reasons', page.reasons
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
