-- Drops the quizzes, their versions and keys, and the functions that know the form of a question.
--
-- loses  every quiz, with its questions and their keys

set local role lms_owner;

drop table lms.quiz_answer_keys;
drop table lms.quiz_versions;
drop table lms.quizzes;
drop function lms.key_defect(jsonb, jsonb);
drop function lms.questions_defect(jsonb);
drop function lms.has_fields(jsonb, text[], text[]);
drop function lms.is_points(jsonb);
drop function lms.is_label(jsonb, integer);
drop function lms.total_points(jsonb);
drop function lms.refuse(text, text);
