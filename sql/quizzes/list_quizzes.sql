-- quizzes/list_quizzes
-- The quizzes of a course, oldest entry first, one page of them, for those who may see the course. Only whoever teaches
-- it sees drafts.
--
-- $1  token_hash   bytea
-- $2  course_id    uuid
-- $3  after_id     uuid     the last id of the page before; null for the first
-- $4  page_limit   integer  1 to 100
-- $5  page_offset  bigint
-- $6  with_total   boolean  counting costs more than the page
--
-- result  page  QuizPage    404: no such course for this actor
-- index   courses_pk, student_enrollments_pk, quizzes_course_id_quiz_id_ix

select /* quizzes/list_quizzes */
    case
        when courses.course_id is not null and $6 then json_build_object(
            'items', quiz.items,
            'next', quiz.next,
            'total', least(quiz.total, 10000),
            'total_is_lower_bound', quiz.total > 10000
        )
        when courses.course_id is not null then json_build_object('items', quiz.items, 'next', quiz.next)
    end as document,
    quiz.next
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    )
left join lateral (
    with visible as not materialized (
        select quiz_id
        from lms.quizzes
        where
            course_id = courses.course_id
            and (state <> 'draft' or lms.can_teach(actor.user_id, actor.role, courses.lecturer_id))
    ),
    bounded as (
        select quiz_id
        from visible
        where quiz_id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
        order by quiz_id
        limit 101 offset $5   -- a constant bound: a generic plan cannot see how small $4 is
    ),
    page as (
        select quiz_id, row_number() over (order by quiz_id) as place
        from bounded
        order by quiz_id
        limit $4 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', quizzes.quiz_id,
                    'course_id', quizzes.course_id,
                    'week_number', quizzes.week_number,
                    'title', quizzes.title,
                    'state', quizzes.state,
                    'opens_at', quizzes.opens_at,
                    'closes_at', quizzes.closes_at,
                    'time_limit_seconds', quizzes.time_limit_seconds,
                    'attempts_allowed', quizzes.attempts_allowed,
                    'score_policy', quizzes.score_policy,
                    'feedback_policy', quizzes.feedback_policy,
                    'current_version', quizzes.current_version,
                    'version', quizzes.version,
                    'created_at', quizzes.created_at,
                    'updated_at', quizzes.updated_at
                )
                order by page.place
            ) filter (where page.place <= $4),
            '[]'
        ) as items,
        case
            when count(*) > $4 then lms.cursor((array_agg(page.quiz_id) filter (where page.place = $4))[1])
        end as next,
        case when $6 then (select count(*) from (select from visible limit 10001) as counted) end as total
    from page
    join lms.quizzes on quizzes.quiz_id = page.quiz_id
) as quiz on true;
