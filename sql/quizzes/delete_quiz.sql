-- quizzes/delete_quiz
-- Delete a quiz with its questions and keys, if nobody has taken it, by whoever teaches its course and has seen its
-- present version.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
--
-- result  versioned  Deleted    404: no such quiz for this actor to delete
-- fails   quiz_attempts_quiz_version_fk
-- index   quizzes_pk, courses_pk

with /* quizzes/delete_quiz */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    select quizzes.quiz_id, quizzes.version
    from lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    cross join actor
    where quizzes.quiz_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for update of quizzes
),
deleted as (
    delete from lms.quizzes
    using target
    where quizzes.quiz_id = target.quiz_id and target.version = coalesce($3, target.version)
    returning quizzes.quiz_id
)
select
    case when deleted.quiz_id is not null then json_build_object('id', deleted.quiz_id) end as document,
    target.version
from actor
left join target on true
left join deleted on true;
