-- import_oulad/list_archived_terms
-- The terms in the archive that the import would add a course to.
--
-- result  rows  ArchivedTerm

select /* import_oulad/list_archived_terms */ distinct terms.code
from lms_import.oulad_courses as staged
join lms.terms on terms.code = staged.term_code
where
    terms.archived_at is not null
    and not exists (select from lms.courses where courses.code = staged.course_code)
order by terms.code;
