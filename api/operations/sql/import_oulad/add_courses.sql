-- import_oulad/add_courses
-- The presentations that are no courses yet, with a seat for everybody who ever registered.
--
-- result  count

with /* import_oulad/add_courses */ registered as (
    select
        course_code,
        count(*) as students
    from lms_import.oulad_registrations
    group by course_code
)
insert into lms.courses (
    code,
    title,
    description,
    term_id,
    lecturer_id,
    capacity,
    state
)
select
    staged.course_code,
    'Module ' || staged.code_module || ', presentation ' || staged.code_presentation,
    'Module ' || staged.code_module || ' of the Open University, in its presentation ' || staged.code_presentation
    || ' of ' || staged.module_presentation_length || ' days.' || e'\n\n'
    || 'Source: Open University Learning Analytics Dataset (OULAD), J. Kuzilek, M. Hlosta, Z. Zdrahal, 2017, '
    || 'https://doi.org/10.1038/sdata.2017.171. Licence: CC BY 4.0.',
    terms.term_id,
    lecturers.user_id,
    greatest(registered.students, 1),
    'closed'
from lms_import.oulad_courses as staged
join lms.terms on terms.code = staged.term_code
-- Whose course is there already may have no lecturer of this address, and needs none.
join lms.users as lecturers on lecturers.email = staged.lecturer_email
left join registered on registered.course_code = staged.course_code
order by staged.course_code
on conflict on constraint courses_code_uq do nothing;
