-- Drops the regrades, and what they changed.
--
-- loses  which quizzes were graded again, which scores changed by it, and the mails about that

set local role lms_owner;

revoke execute on function lms.uuidv7() from lms_worker;
revoke execute on function lms.can_attend(uuid, text, uuid, text) from lms_worker;
alter policy student_enrollments_own_roles on lms.student_enrollments to lms_api, lms_migrate;
revoke select (student_id, course_id, state) on lms.student_enrollments from lms_worker;
revoke select (state) on lms.courses from lms_worker;
alter policy quiz_attempts_own_roles on lms.quiz_attempts to lms_api, lms_migrate;
revoke select (attempt_id, quiz_id, max_score) on lms.quiz_attempts from lms_worker;
alter policy quizzes_own_roles on lms.quizzes to lms_api, lms_migrate;
revoke select (quiz_id, course_id, title) on lms.quizzes from lms_worker;
drop policy audit_events_worker_actions on lms.audit_events;
alter policy audit_events_own_roles on lms.audit_events to lms_api, lms_migrate;
revoke insert (actor_id, action, user_id, course_id, changes) on lms.audit_events from lms_worker;
drop policy email_outbox_worker_kinds on lms.email_outbox;
revoke insert (kind, user_id, course_id, score_change_id) on lms.email_outbox from lms_worker;
delete from lms.email_outbox where kind = 'score_changed';
alter table lms.email_outbox
drop column score_change_id,
drop constraint email_outbox_kind_ck,
add constraint email_outbox_kind_ck check (kind in ('welcome', 'invitation', 'dropped', 'password_set'));
comment on constraint email_outbox_kind_ck on lms.email_outbox is
    '422 A mail is a welcome, an invitation, or tells of a dropped course or a password.';
drop table lms.score_changes;
drop table lms.regrades;
drop function lms.notify_regrades();
