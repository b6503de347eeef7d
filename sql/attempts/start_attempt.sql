-- attempts/start_attempt
-- Take a quiz, by a student who is active on its course: a new attempt at its present questions, if there are attempts
-- left and it is open, with a row of audit; or the id alone of the attempt that they are at already, which may have
-- changed while this waited for the quiz. Of those who start at once all but one break a unique rule: sent again, the
-- statement finds what the first has made.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
--
-- result  row?  StartedAttempt
-- fails   quiz_attempts_in_progress_uq
-- fails   quiz_attempts_attempt_number_uq
-- fails   quiz_attempts_enrollment_active  409 You are not active on the course any more.
-- fails   quiz_attempts_course_closed      409 The course is closed.
-- fails   quiz_attempts_quiz_open          409 The quiz is not open yet.
-- fails   quiz_attempts_quiz_closed        409 The quiz is closed.
-- fails   quiz_attempts_allowed            409 You have taken this quiz as often as it may be taken.
-- index   quizzes_pk, courses_pk, student_enrollments_pk, quiz_versions_pk, quiz_attempts_attempt_number_uq

with /* attempts/start_attempt */ actor as (
    select user_id, role from lms.actor($1)
),
quiz as (
    -- Locked, so that nobody deletes it meanwhile, or closes it for those who are at it: see lms.follow_quiz_times().
    select
        quizzes.quiz_id,
        quizzes.course_id,
        quizzes.state,
        quizzes.opens_at,
        quizzes.closes_at,
        quizzes.time_limit_seconds,
        quizzes.attempts_allowed,
        quizzes.current_version,
        courses.state as course_state,
        actor.user_id as student_id
    from lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    cross join actor
    where
        quizzes.quiz_id = $2
        and quizzes.state <> 'draft'
        and exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    for share of quizzes
),
under_way as (
    select attempts.attempt_id
    from quiz
    join lms.quiz_attempts as attempts
        on attempts.student_id = quiz.student_id and attempts.quiz_id = quiz.quiz_id and attempts.state = 'in_progress'
),
last as (
    select attempts.attempt_number
    from quiz
    cross join lateral (
        select attempt_number
        from lms.quiz_attempts
        where student_id = quiz.student_id and quiz_id = quiz.quiz_id
        order by attempt_number desc
        limit 1
    ) as attempts
),
created as (
    insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score, due_at)
    select
        quiz.quiz_id,
        versions.version_number,
        quiz.student_id,
        case
            when enrollments.state <> 'active' then lms.refuse('quiz_attempts_enrollment_active')::smallint
            when quiz.course_state = 'closed' then lms.refuse('quiz_attempts_course_closed')::smallint
            when quiz.opens_at > now() then lms.refuse('quiz_attempts_quiz_open')::smallint
            when quiz.state = 'closed' or quiz.closes_at <= now() then lms.refuse('quiz_attempts_quiz_closed')::smallint
            when last.attempt_number >= quiz.attempts_allowed then lms.refuse('quiz_attempts_allowed')::smallint
            else coalesce(last.attempt_number, 0) + 1
        end,
        versions.max_score,
        -- The earlier of the two, or the one that there is.
        least(now() + make_interval(secs => quiz.time_limit_seconds), quiz.closes_at)
    from quiz
    join lms.student_enrollments as enrollments
        on enrollments.student_id = quiz.student_id and enrollments.course_id = quiz.course_id
    -- The newest that can be seen: who waited for other questions to be saved knows their number, and not yet them.
    cross join lateral (
        select
            version_number,
            max_score
        from lms.quiz_versions
        where quiz_id = quiz.quiz_id and version_number <= quiz.current_version
        order by version_number desc
        limit 1
    ) as versions
    left join last on true
    where not exists (select from under_way)
    returning
        attempt_id,
        quiz_id,
        quiz_version,
        student_id,
        attempt_number,
        state,
        answers,
        score,
        max_score,
        started_at,
        due_at,
        submitted_at,
        graded_at,
        version
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        created.student_id,
        'attempts.create',
        created.student_id,
        quiz.course_id,
        jsonb_build_object(
            'attempt_id', jsonb_build_object('from', created.attempt_id, 'to', created.attempt_id),
            'state', jsonb_build_object('from', null, 'to', created.state)
        )
    from created
    cross join quiz
)
select
    case
        when created.attempt_id is not null then json_build_object(
            'id', created.attempt_id,
            'quiz_id', created.quiz_id,
            'course_id', quiz.course_id,
            'student', json_build_object('id', students.user_id, 'full_name', students.full_name),
            'attempt_number', created.attempt_number,
            'state', created.state,
            'quiz_version', created.quiz_version,
            'questions', versions.questions,
            'answers', created.answers,
            'score', created.score,
            'max_score', created.max_score,
            'feedback', null,
            'key', null,
            'reviews', null,
            'started_at', created.started_at,
            'due_at', created.due_at,
            'submitted_at', created.submitted_at,
            'graded_at', created.graded_at,
            'version', created.version
        )
    end as document,
    coalesce(created.attempt_id, under_way.attempt_id) as attempt_id
from actor
left join under_way on true
left join (
    created
    cross join quiz
    join lms.quiz_versions as versions
        on versions.quiz_id = created.quiz_id and versions.version_number = created.quiz_version
    join lms.users as students on students.user_id = created.student_id
) on true;
