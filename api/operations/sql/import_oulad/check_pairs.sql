-- import_oulad/check_pairs
-- Take out the lines of studentInfo.csv and studentRegistration.csv that have none in the other file.
--
-- result  rows  RefusedLine

with /* import_oulad/check_pairs */ lone_students as (
    delete from lms_import.oulad_students as students
    where not exists (
        select
        from lms_import.oulad_registrations as registrations
        where registrations.course_code = students.course_code and registrations.id_student = students.id_student
    )
    returning students.line
),
lone_registrations as (
    delete from lms_import.oulad_registrations as registrations
    where not exists (
        select
        from lms_import.oulad_students as students
        where students.course_code = registrations.course_code and students.id_student = registrations.id_student
    )
    returning registrations.line
)
select
    'studentInfo.csv' as file,
    line,
    'id_student' as field,
    'No line of studentRegistration.csv that can be imported has this student on this presentation.' as reason
from lone_students
union all
select
    'studentRegistration.csv' as file,
    line,
    'id_student' as field,
    'No line of studentInfo.csv that can be imported has this student on this presentation.' as reason
from lone_registrations
order by file, line;
