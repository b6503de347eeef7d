-- The catalogue's comments, where the schema has gone on since they were written.
--
-- why    they are what a DBA reads beside a column: another door to password hashes, more that ends a session or sends
--        a mail, uploaded materials, and a closed quiz that is over for everybody have come since
-- locks  the tables, SHARE UPDATE EXCLUSIVE for an instant: nobody waits
-- undo   makes the comments what they were
--
-- depends: 0040_drop_quiz_attempts_order

set local role lms_owner;

comment on column lms.users.password_hash is
    'Argon2id in PHC form, or ! for none. Not granted to the service: lms.credentials() hands it to the login, '
    'lms.own_credentials() to whoever replaces their own. Personal data: identity (a secret).';
comment on function lms.credentials(text) is
    'The password hash of an active account, for the login to verify. '
    'Besides lms.own_credentials() the only door to one.';
comment on column lms.sessions.revoked_at is
    'When it was ended, by a logout, another password or the closing of the account; null while alive. '
    'Personal data: none.';
comment on column lms.materials.crawled_at is
    'When a crawler last found it; null for what was linked or uploaded. Personal data: none.';
comment on column lms.quizzes.state is
    'draft (not shown to students), published, or closed (over, also for those who are at it). Personal data: none.';
comment on column lms.email_outbox.kind is
    'welcome, invitation, dropped, password_set or score_changed. Personal data: learning record.';
comment on column lms.email_outbox.settled_at is
    'When it was sent, bounced or was given up; null while it is queued. Personal data: none.';
comment on column lms.idempotency_keys.request_hash is 'SHA-256 of path, query and body. Personal data: none.';
comment on column lms.audit_events.user_id is
    'Whom it concerns; null for what concerns all of a course. Personal data: identity (a pseudonym).';
