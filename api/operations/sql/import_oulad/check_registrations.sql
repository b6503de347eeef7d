-- import_oulad/check_registrations
-- Take out the lines of studentRegistration.csv that cannot be read, or say something twice, and say why.
--
-- result  rows  RefusedLine

with /* import_oulad/check_registrations */ refused as (
    select
        registrations.line,
        'code_presentation' as field,
        'No line of courses.csv that can be imported has this presentation.' as reason
    from lms_import.oulad_registrations as registrations
    where
        not exists (
            select from lms_import.oulad_courses as courses where courses.course_code = registrations.course_code
        )
    union all
    select
        line,
        'id_student',
        'Expected a number from 1 to 999999999.'
    from lms_import.oulad_registrations
    where id_student !~ '^[1-9][0-9]{0,8}$'
    union all
    select
        line,
        'date_registration',
        'Expected a number of days from -9999 to 9999, or ? if it is not known.'
    from lms_import.oulad_registrations
    where date_registration !~ '^([?]|-?[0-9]{1,4})$'
    union all
    select
        line,
        'date_unregistration',
        'Expected a number of days from -9999 to 9999, or ? if there is none.'
    from lms_import.oulad_registrations
    where date_unregistration !~ '^([?]|-?[0-9]{1,4})$'
    union all
    select
        line,
        'date_unregistration',
        'This is before date_registration.'
    from lms_import.oulad_registrations
    where
        case
            when date_registration ~ '^-?[0-9]{1,4}$' and date_unregistration ~ '^-?[0-9]{1,4}$'
                then date_unregistration::integer < date_registration::integer
        end
    union all
    select
        registrations.line,
        'id_student',
        'Line ' || firsts.line || ' has this student on this presentation already.'
    from lms_import.oulad_registrations as registrations
    join (
        select
            course_code,
            id_student,
            min(line) as line
        from lms_import.oulad_registrations
        group by course_code, id_student
        having count(*) > 1
    ) as firsts
        on firsts.course_code = registrations.course_code and firsts.id_student = registrations.id_student
    where registrations.line > firsts.line
),
taken_out as (
    delete from lms_import.oulad_registrations
    where line in (select refused.line from refused)
)
select
    'studentRegistration.csv' as file,
    line,
    field,
    reason
from refused
order by line, field, reason;
