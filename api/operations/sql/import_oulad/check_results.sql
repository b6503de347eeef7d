-- import_oulad/check_results
-- Take out the lines of studentAssessment.csv that cannot be read, stand for nobody or nothing that is imported, or say
-- something twice, and say why.
--
-- result  rows  RefusedLine

with /* import_oulad/check_results */ refused as (
    select
        results.line,
        'id_assessment' as field,
        'No line of assessments.csv that can be imported has this assessment.' as reason
    from lms_import.oulad_results as results
    where
        not exists (
            select
            from lms_import.oulad_assessments as assessments
            where assessments.id_assessment = results.id_assessment
        )
    union all
    select
        results.line,
        'id_student',
        'No line of studentRegistration.csv that can be imported has this student on the presentation.'
    from lms_import.oulad_results as results
    join lms_import.oulad_assessments as assessments on assessments.id_assessment = results.id_assessment
    where
        not exists (
            select
            from lms_import.oulad_registrations as registrations
            where
                registrations.course_code = assessments.course_code
                and registrations.id_student = results.id_student
        )
    union all
    select
        line,
        'date_submitted',
        'Expected a number of days from -9999 to 9999.'
    from lms_import.oulad_results
    where date_submitted !~ '^-?[0-9]{1,4}$'
    union all
    select
        line,
        'is_banked',
        'Expected 0 or 1.'
    from lms_import.oulad_results
    where is_banked not in ('0', '1')
    union all
    select
        line,
        'score',
        'Expected a whole number from 0 to 100, or ? or nothing if there is none.'
    from lms_import.oulad_results
    where score !~ '^([?]?|[0-9]{1,2}|100)$'
    union all
    select
        results.line,
        'id_student',
        'Line ' || firsts.line || ' has a result of this student in this assessment already.'
    from lms_import.oulad_results as results
    join (
        select
            id_assessment,
            id_student,
            min(line) as line
        from lms_import.oulad_results
        group by id_assessment, id_student
        having count(*) > 1
    ) as firsts on firsts.id_assessment = results.id_assessment and firsts.id_student = results.id_student
    where results.line > firsts.line
),
taken_out as (
    delete from lms_import.oulad_results
    where line in (select refused.line from refused)
)
select
    'studentAssessment.csv' as file,
    line,
    field,
    reason
from refused
order by line, field, reason;
