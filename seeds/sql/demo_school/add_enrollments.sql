-- demo_school/add_enrollments
-- The enrolments that are not there yet, each with its seat and its audit event. Whoever was on a course keeps the
-- state they have, and a course with fewer seats than wanted is filled and no more.
--
-- $1  enrollments  jsonb  an array of course (its code), student (an e-mail address), state, days_ago
--
-- result  count

with /* demo_school/add_enrollments */ wanted as (
    select
        given.place,
        enrollment.course,
        enrollment.student,
        enrollment.state,
        now() - make_interval(days => enrollment.days_ago) as enrolled_at
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as enrollment (course text, student text, state text, days_ago integer)
),
locked as (
    -- Before any enrolment, as the service does it: so nobody waits in a circle.
    select courses.course_id, courses.code, courses.capacity - courses.seats_taken as seats_left
    from lms.courses
    where courses.code in (select wanted.course from wanted)
    order by courses.code
    for no key update of courses
),
missing as (
    select
        wanted.place,
        students.user_id as student_id,
        locked.course_id,
        wanted.state,
        wanted.enrolled_at,
        locked.seats_left,
        count(*) filter (where lms.holds_seat(wanted.state)) over (
            partition by locked.course_id
            order by wanted.place
        ) as seats
    from wanted
    join locked on locked.code = wanted.course
    join lms.users as students on students.email = wanted.student and students.role = 'student'
    where
        not exists (
            select
            from lms.student_enrollments as enrollments
            where enrollments.student_id = students.user_id and enrollments.course_id = locked.course_id
        )
),
enrolled as (
    insert into lms.student_enrollments (student_id, course_id, state, enrolled_at, updated_at)
    select student_id, course_id, state, enrolled_at, enrolled_at
    from missing
    where seats <= seats_left
    order by place
    -- Somebody may have been enrolled since this statement began, while it waited for the locks.
    on conflict on constraint student_enrollments_pk do nothing
    returning student_id, course_id, state
),
seated as (
    update lms.courses
    set seats_taken = courses.seats_taken + taken.seats
    from (
        select course_id, count(*) filter (where lms.holds_seat(state)) as seats
        from enrolled
        group by course_id
    ) as taken
    where courses.course_id = taken.course_id and taken.seats > 0
)
insert into lms.audit_events (action, user_id, course_id, changes)
select
    'enrollments.create',
    enrolled.student_id,
    enrolled.course_id,
    jsonb_build_object('state', jsonb_build_object('from', null, 'to', enrolled.state))
from enrolled;
