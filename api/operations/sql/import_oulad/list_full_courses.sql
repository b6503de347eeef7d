-- import_oulad/list_full_courses
-- The courses that have fewer seats left than the import needs.
--
-- result  rows  FullCourse

select /* import_oulad/list_full_courses */
    courses.code,
    courses.capacity - courses.seats_taken as seats_left,
    count(*) as seats_needed
from lms_import.oulad_registrations as registrations
join lms_import.oulad_students as students
    on students.course_code = registrations.course_code and students.id_student = registrations.id_student
join lms.courses on courses.code = registrations.course_code
left join lms.users on users.email = students.email
where
    registrations.date_unregistration = '?'
    and students.final_result <> 'Withdrawn'
    and not exists (
        select
        from lms.student_enrollments as enrollments
        where enrollments.student_id = users.user_id and enrollments.course_id = courses.course_id
    )
group by courses.code, courses.capacity, courses.seats_taken
having count(*) > courses.capacity - courses.seats_taken
order by courses.code;
