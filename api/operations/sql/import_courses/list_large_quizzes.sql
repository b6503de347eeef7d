-- import_courses/list_large_quizzes
-- The quizzes with more questions than quiz_versions_size_ck lets in. Their keys are far smaller than a key may be:
-- none of them has explanations.
--
-- $1  quizzes  jsonb  an array of course_code, title, week_number, questions, key; no title twice in a course
--
-- result  rows  LargeQuiz

select /* import_courses/list_large_quizzes */
    given.document ->> 'course_code' as course_code,
    given.document ->> 'title' as title
from jsonb_array_elements($1) with ordinality as given (document, place)
where pg_column_size(given.document -> 'questions') > 262144
order by given.place;
