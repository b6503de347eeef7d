-- import_oulad/add_enrollments
-- Put the students on their courses, those who are not on them yet, and count the seats that they hold.
--
-- result  count
-- fails   courses_seats_ck

with /* import_oulad/add_enrollments */ presentations as (
    select
        staged.course_code,
        courses.course_id,
        staged.first_day,
        staged.first_day + staged.days - 1 as last_day
    from (
        select
            course_code,
            module_presentation_length::integer as days,
            make_date(
                left(code_presentation, 4)::integer,
                case right(code_presentation, 1) when 'B' then 2 else 10 end,
                1
            ) as first_day
        from lms_import.oulad_courses
    ) as staged
    join lms.courses on courses.code = staged.course_code
),
wanted as (
    select
        users.user_id as student_id,
        presentations.course_id,
        case
            when registrations.date_unregistration <> '?' or students.final_result = 'Withdrawn' then 'dropped'
            else 'completed'
        end as state,
        presentations.first_day + nullif(registrations.date_registration, '?')::integer as registered_on,
        presentations.first_day + nullif(registrations.date_unregistration, '?')::integer as unregistered_on,
        presentations.first_day,
        presentations.last_day
    from lms_import.oulad_registrations as registrations
    join lms_import.oulad_students as students
        on students.course_code = registrations.course_code and students.id_student = registrations.id_student
    join presentations on presentations.course_code = registrations.course_code
    join lms.users on users.email = students.email
),
created as (
    insert into lms.student_enrollments (student_id, course_id, state, enrolled_at, updated_at)
    select
        student_id,
        course_id,
        state,
        -- Nobody leaves before they came.
        coalesce(registered_on, least(first_day, unregistered_on))::timestamp at time zone 'UTC',
        coalesce(unregistered_on, last_day)::timestamp at time zone 'UTC'
    from wanted
    order by student_id, course_id
    on conflict on constraint student_enrollments_pk do nothing
    returning student_id, course_id, state
),
held as (
    select
        course_id,
        count(*) as seats
    from created
    where lms.holds_seat(state)
    group by course_id
),
counted as (
    update lms.courses
    set seats_taken = courses.seats_taken + held.seats
    from held
    where courses.course_id = held.course_id
)
insert into lms.audit_events (action, user_id, course_id, changes)
select
    'enrollments.create',
    student_id,
    course_id,
    jsonb_build_object('state', jsonb_build_object('from', null, 'to', state))
from created;
