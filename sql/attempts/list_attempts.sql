-- attempts/list_attempts
-- The attempts at a quiz without what was asked and answered, if wanted in one state alone, oldest first, one page of
-- them: those of a student to themself, all of them to whoever teaches the course.
--
-- $1  token_hash   bytea
-- $2  quiz_id      uuid
-- $3  state        text     null for all states
-- $4  after_id     uuid     the last id of the page before; null for the first
-- $5  page_limit   integer  1 to 100
-- $6  page_offset  bigint
-- $7  with_total   boolean  counting costs more than the page
--
-- result  page  AttemptPage    404: no such quiz for this actor
-- index   quizzes_pk, courses_pk, quiz_attempts_quiz_id_state_attempt_id_ix, quiz_attempts_attempt_number_uq

select /* attempts/list_attempts */
    case
        when quizzes.quiz_id is not null and $7 then json_build_object(
            'items', attempt.items,
            'next', attempt.next,
            'total', least(attempt.total, 10000),
            'total_is_lower_bound', attempt.total > 10000
        )
        when quizzes.quiz_id is not null then json_build_object('items', attempt.items, 'next', attempt.next)
    end as document,
    attempt.next
from lms.actor($1) as actor
left join (
    lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
)
    on quizzes.quiz_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or (
            quizzes.state <> 'draft'
            and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
        )
    )
left join lateral (
    with visible as not materialized (
        -- One branch per state: they are merged in the order of the index, which has the state before the attempt.
        (
            select attempt_id
            from lms.quiz_attempts
            where
                quiz_id = quizzes.quiz_id
                and state = 'in_progress'
                and coalesce($3, 'in_progress') = 'in_progress'
                and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
            order by attempt_id
        )
        union all
        (
            select attempt_id
            from lms.quiz_attempts
            where
                quiz_id = quizzes.quiz_id
                and state = 'submitted'
                and coalesce($3, 'submitted') = 'submitted'
                and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
            order by attempt_id
        )
        union all
        (
            select attempt_id
            from lms.quiz_attempts
            where
                quiz_id = quizzes.quiz_id
                and state = 'graded'
                and coalesce($3, 'graded') = 'graded'
                and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
            order by attempt_id
        )
        union all
        (
            -- Of a student and a quiz there are few: they are sorted.
            select attempt_id
            from lms.quiz_attempts
            where
                quiz_id = quizzes.quiz_id
                and student_id = actor.user_id
                and state = coalesce($3, state)
                and actor.role = 'student'
            order by attempt_id
        )
    ),
    bounded as (
        select attempt_id
        from visible
        where attempt_id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
        order by attempt_id
        limit 101 offset $6   -- a constant bound: a generic plan cannot see how small $5 is
    ),
    page as (
        select attempt_id, row_number() over (order by attempt_id) as place
        from bounded
        order by attempt_id
        limit $5 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', attempts.attempt_id,
                    'quiz_id', attempts.quiz_id,
                    'course_id', quizzes.course_id,
                    'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
                    'attempt_number', attempts.attempt_number,
                    'state', attempts.state,
                    'quiz_version', attempts.quiz_version,
                    'score', attempts.score,
                    'max_score', attempts.max_score,
                    'started_at', attempts.started_at,
                    'due_at', attempts.due_at,
                    'submitted_at', attempts.submitted_at,
                    'graded_at', attempts.graded_at,
                    'version', attempts.version
                )
                order by page.place
            ) filter (where page.place <= $5),
            '[]'
        ) as items,
        case
            when count(*) > $5 then lms.cursor((array_agg(page.attempt_id) filter (where page.place = $5))[1])
        end as next,
        case when $7 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.quiz_attempts as attempts on attempts.attempt_id = page.attempt_id
    join lms.users as students on students.user_id = attempts.student_id
) as attempt on true;
