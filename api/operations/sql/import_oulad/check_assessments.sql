-- import_oulad/check_assessments
-- Take out the lines of assessments.csv that cannot be read, or say something twice, and say why.
--
-- result  rows  RefusedLine

with /* import_oulad/check_assessments */ refused as (
    select
        assessments.line,
        'code_presentation' as field,
        'No line of courses.csv that can be imported has this presentation.' as reason
    from lms_import.oulad_assessments as assessments
    where
        not exists (
            select from lms_import.oulad_courses as courses where courses.course_code = assessments.course_code
        )
    union all
    select
        line,
        'id_assessment',
        'Expected a number from 1 to 999999999.'
    from lms_import.oulad_assessments
    where id_assessment !~ '^[1-9][0-9]{0,8}$'
    union all
    select
        line,
        'assessment_type',
        'Expected TMA, CMA or Exam.'
    from lms_import.oulad_assessments
    where assessment_type not in ('TMA', 'CMA', 'Exam')
    union all
    select
        line,
        'date',
        'Expected a number of days from 0 to 370, or ? if it is not known.'
    from lms_import.oulad_assessments
    where case when date ~ '^[0-9]{1,3}$' then date::integer > 370 else date <> '?' end
    union all
    select
        assessments.line,
        'id_assessment',
        'Line ' || firsts.line || ' is this assessment already.'
    from lms_import.oulad_assessments as assessments
    join (
        select
            id_assessment,
            min(line) as line
        from lms_import.oulad_assessments
        group by id_assessment
        having count(*) > 1
    ) as firsts on firsts.id_assessment = assessments.id_assessment
    where assessments.line > firsts.line
),
taken_out as (
    delete from lms_import.oulad_assessments
    where line in (select refused.line from refused)
)
select
    'assessments.csv' as file,
    line,
    field,
    reason
from refused
order by line, field, reason;
