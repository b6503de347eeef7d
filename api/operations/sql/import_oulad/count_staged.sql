-- import_oulad/count_staged
-- How many rows of each table the lines that are left stand for.
--
-- result  row  Wanted

select /* import_oulad/count_staged */
    courses.terms,
    courses.courses + students.users as users,
    courses.courses,
    students.student_enrollments,
    assessments.quizzes,
    results.quiz_attempts
from (
    select
        count(distinct term_code) as terms,
        count(*) as courses
    from lms_import.oulad_courses
) as courses
cross join (
    select
        count(distinct email collate "C") as users,
        count(*) as student_enrollments
    from lms_import.oulad_students
) as students
cross join (select count(*) as quizzes from lms_import.oulad_assessments) as assessments
cross join (select count(*) as quiz_attempts from lms_import.oulad_results) as results;
