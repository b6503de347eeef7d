-- import_oulad/check_courses
-- Take out the lines of courses.csv that are no presentation, or one that is there already, and say why.
--
-- result  rows  RefusedLine

with /* import_oulad/check_courses */ refused as (
    select
        line,
        'code_module' as field,
        'Expected 1 to 16 capital letters and digits.' as reason
    from lms_import.oulad_courses
    where code_module !~ '^[A-Z0-9]{1,16}$'
    union all
    select
        line,
        'code_presentation',
        'Expected a year and B (February) or J (October), such as 2013J.'
    from lms_import.oulad_courses
    where code_presentation !~ '^(19|20)[0-9]{2}[BJ]$'
    union all
    select
        line,
        'module_presentation_length',
        'Expected a number of days from 1 to 999.'
    from lms_import.oulad_courses
    where module_presentation_length !~ '^[1-9][0-9]{0,2}$'
    union all
    select
        courses.line,
        'code_presentation',
        'Line ' || firsts.line || ' is this presentation already.'
    from lms_import.oulad_courses as courses
    join (
        select
            code_module,
            code_presentation,
            min(line) as line
        from lms_import.oulad_courses
        group by code_module, code_presentation
        having count(*) > 1
    ) as firsts
        on firsts.code_module = courses.code_module and firsts.code_presentation = courses.code_presentation
    where courses.line > firsts.line
),
taken_out as (
    delete from lms_import.oulad_courses
    where line in (select refused.line from refused)
)
select
    'courses.csv' as file,
    line,
    field,
    reason
from refused
order by line, field, reason;
