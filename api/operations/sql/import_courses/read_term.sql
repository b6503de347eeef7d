-- import_courses/read_term
-- The term of a code.
--
-- $1  code  text
--
-- result  row?  TermToFill

select /* import_courses/read_term */
    terms.term_id,
    terms.archived_at is not null as is_archived
from lms.terms
where terms.code = $1;
