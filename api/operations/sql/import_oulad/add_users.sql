-- import_oulad/add_users
-- An account for each student and for the lecturer of each new course, unless their address has one.
--
-- result  count

with /* import_oulad/add_users */ wanted as (
    select
        email,
        'Student ' || id_student as full_name,
        'student' as role
    from lms_import.oulad_students
    group by email, id_student
    union all
    select
        staged.lecturer_email,
        'Lecturer of ' || staged.code_module || ' ' || staged.code_presentation,
        'lecturer'
    from lms_import.oulad_courses as staged
    where not exists (select from lms.courses where courses.code = staged.course_code)
),
created as (
    insert into lms.users (email, full_name, role, password_hash)
    select
        email,
        full_name,
        role,
        '!'
    from wanted
    order by email collate "C"
    on conflict on constraint users_email_uq do nothing
    returning user_id, role
)
insert into lms.audit_events (action, user_id, changes)
select
    'users.create',
    user_id,
    jsonb_build_object('role', jsonb_build_object('from', null, 'to', role))
from created;
