-- enrollments/import_enrollments
-- Put all people of a file on a course, or none: by whoever teaches it. Every line is judged by what is there, and only
-- where there is nothing against any of them there are accounts, seats, enrolments, mails and audit rows. Either the
-- report or the defects come back; both are null where there is no such course for this actor to teach.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  lines       jsonb    an array of line, email (canonical, none twice), full_name, state (active or invited)
-- $4  dry_run     boolean  judge and report, and make nothing
--
-- result  row?  EnrollmentImportResult
-- fails   users_email_uq
-- fails   users_email_ck
-- fails   users_full_name_ck
-- fails   student_enrollments_student_id_fk  409 Somebody in the file ceased to be a student meanwhile. Try again.
-- index   courses_pk, users_email_uq, student_enrollments_pk

with /* enrollments/import_enrollments */ actor as (
    select user_id, role from lms.actor($1)
),
course as (
    -- courses/lock_taught_course has locked it in this transaction, in a statement of its own: a statement sees what
    -- was there when it began, so one that waited for the lock itself would not see what another import has made.
    select courses.course_id, courses.capacity - courses.seats_taken as seats_left
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
),
found as (
    select
        lines.line,
        lines.email,
        lines.full_name,
        lines.state,
        course.course_id,
        course.seats_left,
        people.user_id,
        enrollments.state as present_state,
        -- Of two reasons the one that has to be mended first.
        case
            when people.role <> 'student' then 'no_student'
            when people.deactivated_at is not null then 'closed'
            when enrollments.state = 'dropped' then 'dropped'
            when people.user_id is null and lines.state = 'active' then 'unknown'
            when people.user_id is null and lines.state = 'invited' and lines.full_name = '' then 'nameless'
        end as defect,
        -- Without a name or a state something is wrong with the line already: it is judged by its address alone.
        lines.state is not null and lines.full_name is not null as is_whole
    from jsonb_to_recordset($3) as lines (line integer, email text, full_name text, state text)
    cross join course
    -- Looked up one by one, which the limits see to: else a plan for a hundred lines, as which the planner takes them,
    -- reads all people there are.
    left join lateral (
        select users.user_id, users.role, users.deactivated_at
        from lms.users
        where users.email = lines.email
        limit 1
    ) as people on true
    left join lateral (
        select student_enrollments.state
        from lms.student_enrollments
        where student_enrollments.student_id = people.user_id and student_enrollments.course_id = course.course_id
        limit 1
    ) as enrollments on true
),
counted as (
    select
        found.line,
        found.email,
        found.full_name,
        found.state,
        found.course_id,
        found.seats_left,
        found.user_id,
        found.present_state,
        found.defect,
        found.defect is null and found.is_whole and found.present_state is null as needs_seat,
        count(*) filter (where found.defect is null and found.is_whole and found.present_state is null)
            over (order by found.line) as seats_needed
    from found
),
judged as (
    -- What is to be done is a boolean each: of those the planner expects half, of a comparison with a text hardly any,
    -- and would join ten thousand lines with ten thousand in a loop.
    select
        counted.line,
        counted.email,
        counted.full_name,
        counted.state,
        counted.course_id,
        counted.seats_left,
        counted.user_id,
        counted.present_state,
        case
            when counted.needs_seat and counted.seats_needed > counted.seats_left then 'full'
            else counted.defect
        end as defect,
        counted.needs_seat,
        coalesce(counted.present_state = 'invited' and counted.state = 'active', false) as is_accepted,
        counted.needs_seat and counted.user_id is null as needs_account
    from counted
),
verdict as (
    select
        count(judged.defect) = 0 and not $4 as is_taken,
        json_agg(
            json_build_object(
                'line', judged.line,
                'column', case judged.defect when 'nameless' then 'full_name' when 'full' then null else 'email' end,
                'detail', case judged.defect
                    when 'no_student' then 'This address belongs to somebody who is no student.'
                    when 'closed' then 'The account with this address is closed.'
                    when 'dropped' then
                        'This student has dropped the course: change the state of their enrolment to bring them back.'
                    when 'unknown' then 'There is no account with this address: invite it.'
                    when 'nameless' then 'There is no account with this address yet: give the name of the person.'
                    when 'full' then format(
                        'There is no seat left for this line: the course has %s free.', greatest(judged.seats_left, 0)
                    )
                end
            )
            order by judged.line
        ) filter (where judged.defect is not null) as defects
    from judged
),
accounts as (
    -- In the order of the addresses: two imports that make the same ones wait for each other and never in a circle.
    -- Whoever comes second is refused by users_email_uq, and the service sends the transaction again.
    insert into lms.users (email, full_name, role, password_hash)
    select judged.email, judged.full_name, 'student', '!'
    from judged
    where judged.needs_account and (select verdict.is_taken from verdict)
    order by judged.email
    returning user_id, email
),
taken as (
    select
        judged.line,
        coalesce(judged.user_id, accounts.user_id) as student_id,
        judged.course_id,
        judged.present_state,
        judged.state,
        judged.needs_seat,
        judged.is_accepted,
        lms.uuidv7() as delivery_id
    from judged
    left join accounts on accounts.email = judged.email
    where (judged.needs_seat or judged.is_accepted) and (select verdict.is_taken from verdict)
),
enrolled as (
    insert into lms.student_enrollments (student_id, course_id, state, delivery_id)
    select taken.student_id, taken.course_id, taken.state, taken.delivery_id
    from taken
    where taken.needs_seat
    returning course_id
),
accepted as (
    update lms.student_enrollments as enrollments
    set
        state = taken.state,
        delivery_id = taken.delivery_id,
        version = enrollments.version + 1,
        updated_at = now()
    from taken
    where
        taken.is_accepted
        and enrollments.student_id = taken.student_id
        and enrollments.course_id = taken.course_id
),
seated as (
    update lms.courses
    set seats_taken = courses.seats_taken + seats.number
    from (select enrolled.course_id, count(*) as number from enrolled group by enrolled.course_id) as seats
    where courses.course_id = seats.course_id
),
queued as (
    insert into lms.email_outbox (delivery_id, kind, user_id, course_id)
    select
        taken.delivery_id,
        lms.mail_about(taken.present_state, taken.state),
        taken.student_id,
        taken.course_id
    from taken
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        actor.user_id,
        case when taken.needs_seat then 'enrollments.create' else 'enrollments.update' end,
        taken.student_id,
        taken.course_id,
        jsonb_build_object('state', jsonb_build_object('from', taken.present_state, 'to', taken.state))
    from taken
    cross join actor
    union all
    select
        actor.user_id,
        'users.create',
        accounts.user_id,
        null,
        '{"role": {"from": null, "to": "student"}}'
    from accounts
    cross join actor
)
select
    case
        when verdict.defects is null and course.course_id is not null then (
            select json_build_object(
                'dry_run', $4,
                'lines', count(*),
                'enrolled', count(*) filter (where reported.outcome = 'enrolled'),
                'invited', count(*) filter (where reported.outcome = 'invited'),
                'unchanged', count(*) filter (where reported.outcome = 'unchanged'),
                'accounts', count(*) filter (where reported.needs_account),
                'items', coalesce(
                    json_agg(
                        json_build_object(
                            'line', reported.line,
                            'email', reported.email,
                            'outcome', reported.outcome,
                            'student_id', reported.student_id,
                            'delivery_id', reported.delivery_id
                        )
                        order by reported.line
                    ),
                    '[]'
                )
            )
            from (
                select
                    judged.line,
                    judged.email,
                    judged.needs_account,
                    case
                        when judged.is_accepted then 'enrolled'
                        when not judged.needs_seat then 'unchanged'
                        when judged.state = 'active' then 'enrolled'
                        else 'invited'
                    end as outcome,
                    coalesce(judged.user_id, taken.student_id) as student_id,
                    taken.delivery_id
                from judged
                left join taken on taken.line = judged.line
            ) as reported
        )
    end as document,
    verdict.defects
from actor
cross join verdict
left join course on true;
