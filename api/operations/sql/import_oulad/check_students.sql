-- import_oulad/check_students
-- Take out the lines of studentInfo.csv that cannot be read, or say something twice, and say why.
--
-- result  rows  RefusedLine

with /* import_oulad/check_students */ refused as (
    select
        students.line,
        'code_presentation' as field,
        'No line of courses.csv that can be imported has this presentation.' as reason
    from lms_import.oulad_students as students
    where
        not exists (
            select from lms_import.oulad_courses as courses where courses.course_code = students.course_code
        )
    union all
    select
        line,
        'id_student',
        'Expected a number from 1 to 999999999.'
    from lms_import.oulad_students
    where id_student !~ '^[1-9][0-9]{0,8}$'
    union all
    select
        line,
        'final_result',
        'Expected Distinction, Fail, Pass or Withdrawn.'
    from lms_import.oulad_students
    where final_result not in ('Distinction', 'Fail', 'Pass', 'Withdrawn')
    union all
    select
        students.line,
        'id_student',
        'Line ' || firsts.line || ' has this student on this presentation already.'
    from lms_import.oulad_students as students
    join (
        select
            course_code,
            id_student,
            min(line) as line
        from lms_import.oulad_students
        group by course_code, id_student
        having count(*) > 1
    ) as firsts
        on firsts.course_code = students.course_code and firsts.id_student = students.id_student
    where students.line > firsts.line
),
taken_out as (
    delete from lms_import.oulad_students
    where line in (select refused.line from refused)
)
select
    'studentInfo.csv' as file,
    line,
    field,
    reason
from refused
order by line, field, reason;
