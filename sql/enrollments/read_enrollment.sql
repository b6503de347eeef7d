-- enrollments/read_enrollment
-- One student on one course, for the student, for those who teach the course and for administrators.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  student_id  uuid
--
-- result  versioned  Enrollment    404: no such student on such a course for this actor
-- index   student_enrollments_pk, courses_pk, users_pk

select /* enrollments/read_enrollment */
    case
        when enrollments.student_id is not null then json_build_object(
            'course', json_build_object(
                'id', courses.course_id,
                'code', courses.code,
                'title', courses.title,
                'state', courses.state
            ),
            'student', json_build_object(
                'id', students.user_id,
                'email', students.email,
                'full_name', students.full_name
            ),
            'state', enrollments.state,
            'delivery_id', enrollments.delivery_id,
            'version', enrollments.version,
            'enrolled_at', enrollments.enrolled_at,
            'updated_at', enrollments.updated_at
        )
    end as document,
    enrollments.version
from lms.actor($1) as actor
left join (
    lms.student_enrollments as enrollments
    join lms.courses on courses.course_id = enrollments.course_id
    join lms.users as students on students.user_id = enrollments.student_id
)
    on enrollments.course_id = $2
    and enrollments.student_id = $3
    and (
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
        or enrollments.student_id = actor.user_id
    );
