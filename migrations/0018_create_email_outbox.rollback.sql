-- Drops the outbox.
--
-- loses  mails that were not sent yet, and what is known of those that were

set local role lms_owner;

alter policy courses_own_roles on lms.courses to lms_api, lms_migrate;
alter policy users_own_roles on lms.users to lms_api, lms_migrate;
revoke select (course_id, code, title, lecturer_id) on lms.courses from lms_worker;
revoke select (user_id, email, full_name, role, deactivated_at) on lms.users from lms_worker;
alter table lms.student_enrollments drop column delivery_id;
drop table lms.email_outbox;
drop function lms.notify_deliveries();
drop function lms.mail_about(text, text);
