-- demo_school/add_terms
-- The terms that are not there yet.
--
-- $1  terms  jsonb  an array of code, title, starts_on, ends_on
--
-- result  count

insert /* demo_school/add_terms */ into lms.terms (code, title, starts_on, ends_on)
select term.code, term.title, term.starts_on, term.ends_on
from jsonb_array_elements($1) with ordinality as given (document, place)
cross join lateral
    jsonb_to_record(given.document) as term (code text, title text, starts_on date, ends_on date)
order by given.place
on conflict on constraint terms_code_uq do nothing;
