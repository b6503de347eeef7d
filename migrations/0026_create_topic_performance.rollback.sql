-- Drops what students have mastered, and how it is found out.
--
-- loses  topic_performance, which can be computed again, and the mastery policies of the courses, which cannot

set local role lms_owner;

drop trigger courses_mastery_policy on lms.courses;
drop trigger quizzes_week_number on lms.quizzes;
drop function lms.follow_mastery_policy();
drop function lms.follow_week_number();
drop function lms.refresh_performance(uuid, smallint[], uuid[]);
drop function lms.computed_performance();
drop function lms.mastery(jsonb, numeric, numeric, numeric);
drop table lms.topic_performance;
alter table lms.courses drop column mastery_policy;
drop function lms.is_mastery_policy(jsonb);
revoke execute on function lms.has_fields(jsonb, text[], text[]) from lms_api;
