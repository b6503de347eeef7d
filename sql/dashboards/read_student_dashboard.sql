-- dashboards/read_student_dashboard
-- What a student has before them, and what they have behind them: courses week by week, the quizzes that they can take,
-- and what to go over again, for themself and for administrators.
-- courses       those that are published and that the student is active on, the latest 20 by age; each with the weeks
--               of its syllabus and those that something was graded in. Scores and attempts as in
--               performance/list_performance, null where nothing is graded; mastered, developing and remedial count
--               the weeks. has_more_courses says that there are older ones.
-- past          those that the student completed, whether they go on for others or not, and those that were closed
--               while the student was active on them, the latest 20 by age; in the same form. Together with courses
--               these are what performance/list_performance shows the student.
-- open_quizzes  quizzes that the student can go on with or begin, the 50 that are due first, those without an end last.
--               To go on with: of any course that they may attend, those of which an attempt is in progress and not yet
--               over, as attempts/update_attempt has it, whatever became of quiz and course since it was begun. To
--               begin: of courses, published ones, opens_at not ahead and closes_at not past by the clock of the
--               database, of which no attempt is in progress and attempts_allowed is more than the attempts there are.
--               attempts counts them in any state. due_at is that of the attempt in progress, without one closes_at.
-- remedial      the weeks of courses whose mastery is remedial, the first 50, latest course first; each with the first
--               20 materials of that week by age.
--
-- $1  token_hash  bytea
-- $2  student_id  uuid
--
-- result  json  StudentDashboard    404: no such student for this actor
-- index   users_pk, student_enrollments_pk, courses_pk, syllabus_weeks_pk, topic_performance_pk
-- index   quiz_attempts_in_progress_uq, quiz_attempts_attempt_number_uq, quizzes_pk, quizzes_course_id_quiz_id_ix
-- index   materials_course_id_week_number_material_id_ix, files_pk

select /* dashboards/read_student_dashboard */
    case
        when students.user_id is not null then json_build_object(
            'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
            'courses', dashboard.courses,
            'has_more_courses', dashboard.has_more_courses,
            'past', dashboard.past,
            'open_quizzes', dashboard.open_quizzes,
            'remedial', dashboard.remedial
        )
    end as document
from lms.actor($1) as actor
left join lms.users as students
    on students.user_id = $2
    and students.role = 'student'
    and lms.can_see_user(actor.user_id, actor.role, students.user_id)
left join lateral (
    with active as materialized (
        -- One more than are shown: it says that there are more.
        select
            enrollments.student_id,
            courses.course_id,
            courses.code,
            courses.title
        from lms.student_enrollments as enrollments
        join lms.courses on courses.course_id = enrollments.course_id
        where
            enrollments.student_id = students.user_id
            and enrollments.state = 'active'
            and courses.state = 'published'
        order by enrollments.course_id desc
        limit 21
    ),
    taken as materialized (
        -- Each kind by itself, so that neither takes the places of the other.
        (
            select
                student_id,
                course_id,
                code,
                title,
                null as ended
            from active
            order by course_id desc
            limit 20
        )
        union all
        (
            select
                enrollments.student_id,
                courses.course_id,
                courses.code,
                courses.title,
                case enrollments.state when 'completed' then 'completed' else 'closed' end as ended
            from lms.student_enrollments as enrollments
            join lms.courses on courses.course_id = enrollments.course_id
            where
                enrollments.student_id = students.user_id
                and (
                    enrollments.state = 'completed' and courses.state <> 'draft'
                    or enrollments.state = 'active' and courses.state = 'closed'
                )
            order by enrollments.course_id desc
            limit 20
        )
    ),
    known as materialized (
        select
            taken.course_id,
            taken.ended,
            topics.week_number,
            topics.attempts,
            topics.best_score,
            topics.last_score,
            topics.average_score,
            topics.mastery
        from taken
        join lms.topic_performance as topics
            on topics.student_id = taken.student_id and topics.course_id = taken.course_id
    ),
    weekly as materialized (
        select
            taken.course_id,
            taken.code,
            taken.title,
            taken.ended,
            week.mastered,
            week.developing,
            week.remedial,
            week.items
        from taken
        cross join lateral (
            select
                count(*) filter (where topics.mastery = 'mastered') as mastered,
                count(*) filter (where topics.mastery = 'developing') as developing,
                count(*) filter (where topics.mastery = 'remedial') as remedial,
                coalesce(
                    json_agg(
                        json_build_object(
                            'week_number', coalesce(weeks.week_number, topics.week_number),
                            'topic', weeks.topic,
                            'attempts', coalesce(topics.attempts, 0),
                            'best_score', topics.best_score,
                            'last_score', topics.last_score,
                            'average_score', topics.average_score,
                            'mastery', topics.mastery
                        )
                        order by coalesce(weeks.week_number, topics.week_number)
                    ),
                    '[]'
                ) as items
            from (
                select syllabus_weeks.week_number, syllabus_weeks.topic
                from lms.syllabus_weeks
                where syllabus_weeks.course_id = taken.course_id
            ) as weeks
            full join (
                select
                    known.week_number,
                    known.attempts,
                    known.best_score,
                    known.last_score,
                    known.average_score,
                    known.mastery
                from known
                where known.course_id = taken.course_id
            ) as topics on topics.week_number = weeks.week_number
        ) as week
    ),
    under_way as materialized (
        select
            quizzes.quiz_id,
            quizzes.course_id,
            quizzes.week_number,
            quizzes.title,
            quizzes.opens_at,
            quizzes.closes_at,
            quizzes.time_limit_seconds,
            quizzes.attempts_allowed,
            attempts.student_id,
            attempts.attempt_id,
            attempts.started_at,
            attempts.due_at
        from lms.quiz_attempts as attempts
        join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
        join lms.courses as attended on attended.course_id = quizzes.course_id
        where
            attempts.student_id = students.user_id
            and attempts.state = 'in_progress'
            and exists (select from lms.can_attend(students.user_id, students.role, attended.course_id, attended.state))
    ),
    offered as (
        (
            select
                under_way.quiz_id,
                under_way.course_id,
                under_way.week_number,
                under_way.title,
                under_way.opens_at,
                under_way.closes_at,
                under_way.time_limit_seconds,
                under_way.attempts_allowed,
                made.attempts,
                under_way.attempt_id,
                under_way.started_at,
                under_way.due_at as attempt_due_at,
                under_way.due_at
            from under_way
            cross join lateral (
                select count(*) as attempts
                from lms.quiz_attempts as attempts
                where attempts.student_id = under_way.student_id and attempts.quiz_id = under_way.quiz_id
            ) as made
            where coalesce(under_way.due_at + interval '5 seconds' >= now(), true)
        )
        union all
        (
            select
                quizzes.quiz_id,
                quizzes.course_id,
                quizzes.week_number,
                quizzes.title,
                quizzes.opens_at,
                quizzes.closes_at,
                quizzes.time_limit_seconds,
                quizzes.attempts_allowed,
                made.attempts,
                null as attempt_id,
                null as started_at,
                null as attempt_due_at,
                quizzes.closes_at as due_at
            from taken
            join lms.quizzes on quizzes.course_id = taken.course_id
            cross join lateral (
                select count(*) as attempts
                from lms.quiz_attempts as attempts
                where attempts.student_id = taken.student_id and attempts.quiz_id = quizzes.quiz_id
            ) as made
            where
                taken.ended is null
                and quizzes.state = 'published'
                and coalesce(quizzes.opens_at <= now(), true)
                and coalesce(quizzes.closes_at > now(), true)
                -- What is over, too: until it is handed in, nothing else can be begun.
                and quizzes.quiz_id not in (select under_way.quiz_id from under_way)
                and coalesce(made.attempts < quizzes.attempts_allowed, true)
        )
    )
    select
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'id', weekly.course_id,
                            'code', weekly.code,
                            'title', weekly.title,
                            'mastered', weekly.mastered,
                            'developing', weekly.developing,
                            'remedial', weekly.remedial,
                            'weeks', weekly.items
                        )
                        order by weekly.course_id desc
                    ),
                    '[]'
                )
            from weekly
            where weekly.ended is null
        ) as courses,
        (select count(*) > 20 from active) as has_more_courses,
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'id', weekly.course_id,
                            'code', weekly.code,
                            'title', weekly.title,
                            'mastered', weekly.mastered,
                            'developing', weekly.developing,
                            'remedial', weekly.remedial,
                            'weeks', weekly.items,
                            'ended', weekly.ended
                        )
                        order by weekly.course_id desc
                    ),
                    '[]'
                )
            from weekly
            where weekly.ended is not null
        ) as past,
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'id', open.quiz_id,
                            'course_id', open.course_id,
                            'week_number', open.week_number,
                            'title', open.title,
                            'opens_at', open.opens_at,
                            'closes_at', open.closes_at,
                            'time_limit_seconds', open.time_limit_seconds,
                            'attempts_allowed', open.attempts_allowed,
                            'attempts', open.attempts,
                            'attempt', case
                                when open.attempt_id is not null then json_build_object(
                                    'id', open.attempt_id, 'started_at', open.started_at, 'due_at', open.attempt_due_at
                                )
                            end,
                            'due_at', open.due_at
                        )
                        order by open.due_at, open.quiz_id
                    ),
                    '[]'
                )
            from (
                select
                    offered.quiz_id,
                    offered.course_id,
                    offered.week_number,
                    offered.title,
                    offered.opens_at,
                    offered.closes_at,
                    offered.time_limit_seconds,
                    offered.attempts_allowed,
                    offered.attempts,
                    offered.attempt_id,
                    offered.started_at,
                    offered.attempt_due_at,
                    offered.due_at
                from offered
                order by offered.due_at, offered.quiz_id
                limit 50
            ) as open
        ) as open_quizzes,
        (
            select
                coalesce(
                    json_agg(
                        json_build_object(
                            'course_id', topics.course_id,
                            'week_number', topics.week_number,
                            'topic', syllabus.topic,
                            'best_score', topics.best_score,
                            'last_score', topics.last_score,
                            'average_score', topics.average_score,
                            'materials', material.items
                        )
                        order by topics.course_id desc, topics.week_number asc
                    ),
                    '[]'
                )
            from (
                select
                    known.course_id,
                    known.week_number,
                    known.best_score,
                    known.last_score,
                    known.average_score
                from known
                where known.ended is null and known.mastery = 'remedial'
                order by known.course_id desc, known.week_number asc
                limit 50
            ) as topics
            left join lms.syllabus_weeks as syllabus
                on syllabus.course_id = topics.course_id and syllabus.week_number = topics.week_number
            cross join lateral (
                select
                    coalesce(
                        json_agg(
                            json_build_object(
                                'id', materials.material_id,
                                'title', materials.title,
                                'kind', materials.kind,
                                'url', materials.url,
                                'file', case
                                    when files.file_id is not null then json_build_object(
                                        'name', files.name,
                                        'media_type', files.media_type,
                                        'size', files.byte_size,
                                        'sha256', encode(files.sha256, 'hex')
                                    )
                                end
                            )
                            order by materials.material_id
                        ),
                        '[]'
                    ) as items
                from (
                    select
                        found.material_id,
                        found.title,
                        found.kind,
                        found.url,
                        found.file_id
                    from lms.materials as found
                    where found.course_id = topics.course_id and found.week_number = topics.week_number
                    order by found.material_id
                    limit 20
                ) as materials
                left join lms.files on files.file_id = materials.file_id
            ) as material
        ) as remedial
) as dashboard on true;
