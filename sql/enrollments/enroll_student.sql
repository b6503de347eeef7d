-- enrollments/enroll_student
-- Put a student on a course, or invite them to it, by whoever teaches it: the seat, the enrolment, the mail that tells
-- the student, and the audit row, or none of them.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  student_id  uuid   null where the address is given
-- $4  email       text   in canonical form; null where the id is given
-- $5  state       text   active or invited
--
-- result  created  Enrollment    404: no such course for this actor to teach
-- fails   student_enrollments_pk
-- fails   student_enrollments_state_ck
-- fails   student_enrollments_student_id_known  422 /student_id There is no such student.
-- fails   student_enrollments_email_known       422 /email There is no student with this address.
-- fails   courses_seats_ck                      409 The course is full.
-- fails   courses_state_open                    409 The course is closed.
-- index   courses_pk

with /* enrollments/enroll_student */ actor as (
    select user_id, role from lms.actor($1)
),
student as (
    select users.user_id, users.email, users.full_name
    from lms.users
    where
        users.user_id = coalesce($3, (select found.user_id from lms.users as found where found.email = $4))
        and users.role = 'student'
        and users.deactivated_at is null
),
seat as (
    -- Taken before it is known whether the student may have it: the lock on this row is the queue of all who want one,
    -- and what fails below gives it back.
    update lms.courses
    set
        seats_taken = case
            when courses.state = 'closed' then lms.refuse('courses_state_open')::integer
            else courses.seats_taken + 1
        end
    from actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    returning courses.course_id, courses.code, courses.title, courses.state
),
enrolled as (
    insert into lms.student_enrollments (student_id, course_id, state, delivery_id)
    select
        case
            when student.user_id is not null then student.user_id
            when $3 is null then lms.refuse('student_enrollments_email_known')::uuid
            else lms.refuse('student_enrollments_student_id_known')::uuid
        end,
        seat.course_id,
        $5,
        lms.uuidv7()
    from seat
    left join student on true
    returning student_id, course_id, state, delivery_id, version, enrolled_at, updated_at
),
queued as (
    insert into lms.email_outbox (delivery_id, kind, user_id, course_id)
    select enrolled.delivery_id, lms.mail_about(null, enrolled.state), enrolled.student_id, enrolled.course_id
    from enrolled
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        actor.user_id,
        'enrollments.create',
        enrolled.student_id,
        enrolled.course_id,
        jsonb_build_object('state', jsonb_build_object('from', null, 'to', enrolled.state))
    from enrolled
    cross join actor
)
select
    case
        when enrolled.student_id is not null then json_build_object(
            'course', json_build_object(
                'id', seat.course_id,
                'code', seat.code,
                'title', seat.title,
                'state', seat.state
            ),
            'student', json_build_object(
                'id', student.user_id,
                'email', student.email,
                'full_name', student.full_name
            ),
            'state', enrolled.state,
            'delivery_id', enrolled.delivery_id,
            'version', enrolled.version,
            'enrolled_at', enrolled.enrolled_at,
            'updated_at', enrolled.updated_at
        )
    end as document,
    enrolled.student_id as id
from actor
left join (
    enrolled
    cross join seat
    cross join student
) on true;
