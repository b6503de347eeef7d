-- import_oulad/count_peculiar_results
-- How many of the results that are imported are out of the ordinary, and in which way; one may be so in several.
--
-- result  row  PeculiarResults

select /* import_oulad/count_peculiar_results */
    count(*) filter (where results.score in ('', '?')) as without_score,
    count(*) filter (where assessments.assessment_type = 'Exam' or assessments.date = '?') as without_week,
    count(*) filter (where results.is_banked = '1') as banked,
    -- What is banked was handed in on an earlier presentation: it has no day on this one.
    count(*) filter (
        where results.is_banked = '0' and results.date_submitted::integer > nullif(assessments.date, '?')::integer
    ) as late,
    count(*) filter (
        where
        results.is_banked = '0'
        and results.date_submitted::integer < nullif(registrations.date_registration, '?')::integer
    ) as before_registration,
    count(*) filter (
        where
        results.is_banked = '0'
        and results.date_submitted::integer > nullif(registrations.date_unregistration, '?')::integer
    ) as after_unregistration
from lms_import.oulad_results as results
join lms_import.oulad_assessments as assessments on assessments.id_assessment = results.id_assessment
join lms_import.oulad_registrations as registrations
    on registrations.course_code = assessments.course_code and registrations.id_student = results.id_student;
