-- dashboards/read_course_dashboard
-- How a course fares, in numbers and without names, for those who teach it and for administrators.
-- students         how many are active on the course, or completed it.
-- weeks            those of the syllabus and those that something was graded in; mastered, developing and remedial
--                  count these students by their mastery of the week; who has nothing graded in it is in none.
-- awaiting_review  quizzes of which attempts were handed in that wait for a person, by week, those of the whole course
--                  last, the first 200; each with the number of these attempts.
-- attempt_scores   graded attempts by tenth of score / max_score: the first number counts from 0 to below 0.1, the last
--                  from 0.9 to 1 inclusive.
-- attempt_days     attempts handed in, graded or not, by the day (UTC) of submitted_at, oldest first; the latest 100
--                  days that have any.
-- These three count attempts at quizzes of the course, several of one student and those of who dropped it among them.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
--
-- result  json  CourseDashboard    404: no such course for this actor to teach
-- index   courses_pk, student_enrollments_course_id_state_student_id_ix, syllabus_weeks_pk
-- index   topic_performance_course_id_week_number_student_id_ix, quizzes_course_id_quiz_id_ix
-- index   quiz_attempts_quiz_id_submitted_at_ix, quiz_attempts_quiz_id_state_attempt_id_ix

select /* dashboards/read_course_dashboard */
    case
        when courses.course_id is not null then json_build_object(
            'course', json_build_object('id', courses.course_id, 'code', courses.code, 'title', courses.title),
            'students', dashboard.students,
            'weeks', dashboard.weeks,
            'awaiting_review', dashboard.awaiting_review,
            'attempt_scores', dashboard.attempt_scores,
            'attempt_days', dashboard.attempt_days
        )
    end as document
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
left join lateral (
    with handed_in as materialized (
        -- What is alike counts once: of thousands of attempts there are a few scores a day.
        select day.day, attempts.score, attempts.max_score, count(*) as attempts
        from lms.quizzes
        join lms.quiz_attempts as attempts on attempts.quiz_id = quizzes.quiz_id
        cross join lateral (select (attempts.submitted_at at time zone 'UTC')::date as day) as day
        where quizzes.course_id = courses.course_id and attempts.submitted_at is not null
        group by day.day, attempts.score, attempts.max_score
    )
    select
        (
            select count(*)
            from lms.student_enrollments as enrollments
            where enrollments.course_id = courses.course_id and enrollments.state in ('active', 'completed')
        ) as students,
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'week_number', coalesce(weeks.week_number, topics.week_number),
                            'topic', weeks.topic,
                            'mastered', coalesce(topics.mastered, 0),
                            'developing', coalesce(topics.developing, 0),
                            'remedial', coalesce(topics.remedial, 0)
                        )
                        order by coalesce(weeks.week_number, topics.week_number)
                    ),
                    '[]'
                )
            from (
                select syllabus_weeks.week_number, syllabus_weeks.topic
                from lms.syllabus_weeks
                where syllabus_weeks.course_id = courses.course_id
            ) as weeks
            full join (
                select
                    performance.week_number,
                    count(*) filter (where performance.mastery = 'mastered') as mastered,
                    count(*) filter (where performance.mastery = 'developing') as developing,
                    count(*) filter (where performance.mastery = 'remedial') as remedial
                from lms.topic_performance as performance
                where
                    performance.course_id = courses.course_id
                    -- By "is true" a set that is read once: joined, a plan may compare all of the course with each.
                    and (
                        performance.student_id in (
                            select enrollments.student_id
                            from lms.student_enrollments as enrollments
                            where
                                enrollments.course_id = courses.course_id
                                and enrollments.state in ('active', 'completed')
                        )
                    ) is true
                group by performance.week_number
            ) as topics on topics.week_number = weeks.week_number
        ) as weeks,
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'quiz_id', waiting.quiz_id,
                            'title', waiting.title,
                            'attempts', waiting.attempts
                        )
                        order by waiting.week_number, waiting.quiz_id
                    ),
                    '[]'
                )
            from (
                select
                    asked.quiz_id,
                    asked.week_number,
                    asked.title,
                    submitted.attempts
                from lms.quizzes as asked
                cross join lateral (
                    select count(*) as attempts
                    from lms.quiz_attempts as attempts
                    where attempts.quiz_id = asked.quiz_id and attempts.state = 'submitted'
                ) as submitted
                where asked.course_id = courses.course_id and submitted.attempts > 0
                order by asked.week_number, asked.quiz_id
                limit 200
            ) as waiting
        ) as awaiting_review,
        (
            select json_agg(tenth.attempts order by tenth.place)
            from (
                select place, coalesce(sum(counted.attempts), 0) as attempts
                from generate_series(0, 9) as place
                left join (
                    select
                        least(floor(handed_in.score / handed_in.max_score * 10), 9) as place_of_score,
                        handed_in.attempts
                    from handed_in
                    where handed_in.score is not null
                ) as counted on counted.place_of_score = place
                group by place
            ) as tenth
        ) as attempt_scores,
        (
            select
                coalesce(
                    json_agg(json_build_object('day', day.day, 'attempts', day.attempts) order by day.day), '[]'
                )
            from (
                select handed_in.day, sum(handed_in.attempts) as attempts
                from handed_in
                group by handed_in.day
                order by handed_in.day desc
                limit 100
            ) as day
        ) as attempt_days
) as dashboard on true;
