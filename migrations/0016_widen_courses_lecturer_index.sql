-- The index of a lecturer's courses, with the term that lists filter by.
--
-- why    a branch of a list whose filter needs the table itself is read whole and sorted where a lecturer teaches half
--        of the courses; with the term in the index, a page reads a page
-- locks  courses, ACCESS EXCLUSIVE until the index is built: a second for 100,000 rows
-- undo   builds the narrower index again
--
-- depends: 0015_create_import_staging

set local role lms_owner;

-- squawk-ignore require-concurrent-index-deletion -- see locks above
drop index lms.courses_lecturer_id_course_id_ix;
-- Serves sql/courses/list_courses.sql, list_courses_by_lecturer.sql and list_courses_by_term.sql: what a lecturer
-- teaches, in key order, and in which term.
-- squawk-ignore require-concurrent-index-creation
create index courses_lecturer_id_course_id_ix on lms.courses (lecturer_id, course_id) include (term_id);
