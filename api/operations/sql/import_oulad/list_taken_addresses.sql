-- import_oulad/list_taken_addresses
-- The addresses that the import needs for a student or a lecturer, and that somebody of another role has.
--
-- result  rows  TakenAddress

with /* import_oulad/list_taken_addresses */ wanted as (
    select
        email,
        'student' as role
    from lms_import.oulad_students
    union all
    select
        staged.lecturer_email,
        'lecturer'
    from lms_import.oulad_courses as staged
    where not exists (select from lms.courses where courses.code = staged.course_code)
)
select
    users.email,
    users.role,
    wanted.role as wanted_role
from wanted
join lms.users on users.email = wanted.email
where users.role <> wanted.role
order by users.email;
