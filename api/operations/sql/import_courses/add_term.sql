-- import_courses/add_term
-- The term of courses that nobody has planned yet, unless it is there: from today, as long as a syllabus may be.
--
-- $1  code   text
-- $2  title  text
--
-- result  count

insert /* import_courses/add_term */ into lms.terms (code, title, starts_on, ends_on)
values ($1, $2, current_date, current_date + 53 * 7 - 1)
on conflict on constraint terms_code_uq do nothing;
