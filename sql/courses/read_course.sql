-- courses/read_course
-- One course, for those who teach it, those who are on it, and administrators.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
--
-- result  versioned  Course    404: no such course for this actor
-- index   courses_pk, student_enrollments_pk

select /* courses/read_course */
    case
        when courses.course_id is not null then json_build_object(
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
    end as document,
    courses.version
from lms.actor($1) as actor
left join (
    lms.courses
    join lms.terms on terms.term_id = courses.term_id
    join lms.users as lecturers on lecturers.user_id = courses.lecturer_id
)
    on courses.course_id = $2
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or exists (select from lms.can_attend(actor.user_id, actor.role, courses.course_id, courses.state))
    );
