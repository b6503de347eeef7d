-- import_oulad/add_terms
-- The terms that are not there yet: from the first day of their presentations to the last of the longest.
--
-- result  count

with /* import_oulad/add_terms */ presentations as (
    select
        term_code,
        code_presentation,
        module_presentation_length::integer as days,
        make_date(
            left(code_presentation, 4)::integer,
            case right(code_presentation, 1) when 'B' then 2 else 10 end,
            1
        ) as first_day
    from lms_import.oulad_courses
)
insert into lms.terms (code, title, starts_on, ends_on)
select
    term_code,
    'Open University ' || code_presentation || ', from ' || to_char(first_day, 'FMMonth YYYY'),
    first_day,
    first_day + max(days) - 1
from presentations
group by term_code, code_presentation, first_day
order by term_code
on conflict on constraint terms_code_uq do nothing;
