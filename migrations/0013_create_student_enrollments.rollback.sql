-- Drops the enrolments.
--
-- loses  who is, or was, on which course

set local role lms_owner;

drop function lms.can_become(text, text, boolean);
drop function lms.holds_seat(text);
drop function lms.can_attend(uuid, text, uuid, text);
revoke update (seats_taken) on lms.courses from lms_api;
drop table lms.student_enrollments;
-- Nobody is on a course any more.
update lms.courses set seats_taken = 0 where seats_taken > 0;
