-- enrollments/update_enrollment
-- Change the state of an enrolment, and give back or take the seat that this frees or needs: by whoever teaches the
-- course; by the student to accept, to decline and to leave. Who dropped comes back by this, too.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  student_id  uuid
-- $4  version     integer  the version that was seen; null for whichever there is
-- $5  patch       jsonb    a merge patch: state
--
-- result  versioned  Enrollment    404: no such student on such a course for this actor
-- fails   student_enrollments_state_step  409 /state From its present state an enrolment does not go there.
-- fails   student_enrollments_state_own   409 /state Students accept, decline and leave; the rest is for the lecturer.
-- fails   courses_seats_ck                409 The course is full.
-- index   courses_pk, student_enrollments_pk

with /* enrollments/update_enrollment */ actor as (
    select user_id, role from lms.actor($1)
),
course as (
    -- Locked before the enrolment, as every statement does that touches both: the course counts the seats.
    select
        courses.course_id,
        courses.code,
        courses.title,
        courses.state,
        lms.can_teach(actor.user_id, actor.role, courses.lecturer_id) as by_teacher
    from lms.courses
    cross join actor
    where
        courses.course_id = $2
        and (lms.can_teach(actor.user_id, actor.role, courses.lecturer_id) or actor.user_id = $3)
    for no key update of courses
),
target as (
    select
        enrollments.student_id,
        enrollments.course_id,
        enrollments.state,
        enrollments.version,
        course.by_teacher,
        case when $5 ? 'state' then $5 ->> 'state' else enrollments.state end as next_state
    from lms.student_enrollments as enrollments
    join course on course.course_id = enrollments.course_id
    where enrollments.student_id = $3
    for no key update of enrollments
),
updated as (
    update lms.student_enrollments as enrollments
    set
        state = case
            when lms.can_become(target.state, target.next_state, not target.by_teacher) then target.next_state
            when lms.can_become(target.state, target.next_state, false)
                then lms.refuse('student_enrollments_state_own')
            else lms.refuse('student_enrollments_state_step')
        end,
        delivery_id = case
            when lms.mail_about(target.state, target.next_state) is null then enrollments.delivery_id
            else lms.uuidv7()
        end,
        version = enrollments.version + 1,
        updated_at = now()
    from target
    where
        enrollments.student_id = target.student_id
        and enrollments.course_id = target.course_id
        and target.version = coalesce($4, target.version)
    returning
        enrollments.student_id,
        enrollments.course_id,
        enrollments.state,
        enrollments.delivery_id,
        enrollments.version,
        enrollments.enrolled_at,
        enrollments.updated_at
),
seat as (
    update lms.courses
    set
        seats_taken = courses.seats_taken
        + lms.holds_seat(updated.state)::integer
        - lms.holds_seat(target.state)::integer
    from updated
    join target on target.student_id = updated.student_id
    where courses.course_id = updated.course_id and lms.holds_seat(updated.state) <> lms.holds_seat(target.state)
),
queued as (
    insert into lms.email_outbox (delivery_id, kind, user_id, course_id)
    select
        updated.delivery_id,
        lms.mail_about(target.state, updated.state),
        updated.student_id,
        updated.course_id
    from updated
    join target on target.student_id = updated.student_id
    where lms.mail_about(target.state, updated.state) is not null
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        actor.user_id,
        'enrollments.update',
        updated.student_id,
        updated.course_id,
        jsonb_build_object('state', jsonb_build_object('from', target.state, 'to', updated.state))
    from updated
    join target on target.student_id = updated.student_id
    cross join actor
)
select
    case
        when updated.student_id is not null then json_build_object(
            'course', json_build_object(
                'id', course.course_id,
                'code', course.code,
                'title', course.title,
                'state', course.state
            ),
            'student', json_build_object(
                'id', students.user_id,
                'email', students.email,
                'full_name', students.full_name
            ),
            'state', updated.state,
            'delivery_id', updated.delivery_id,
            'version', updated.version,
            'enrolled_at', updated.enrolled_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join (
    updated
    cross join course
    join lms.users as students on students.user_id = updated.student_id
) on true;
