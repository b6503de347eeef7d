-- Makes the comments what they were.
--
-- loses  nothing

set local role lms_owner;

comment on column lms.users.password_hash is
    'Argon2id in PHC form, or ! for none. Not granted to the service; lms.credentials() hands it to the login. '
    'Personal data: identity (a secret).';
comment on function lms.credentials(text) is
    'The one door to a password hash: of an active account, for the login to verify.';
comment on column lms.sessions.revoked_at is 'When it was ended by a logout; null while alive. Personal data: none.';
comment on column lms.materials.crawled_at is
    'When a crawler last found it; null for what was linked. Personal data: none.';
comment on column lms.quizzes.state is
    'draft (not shown to students), published, or closed (nobody starts any more). Personal data: none.';
comment on column lms.email_outbox.kind is
    'welcome, invitation, dropped or password_set. Personal data: learning record.';
comment on column lms.email_outbox.settled_at is
    'When it was sent or given up; null while it is queued. Personal data: none.';
comment on column lms.idempotency_keys.request_hash is 'SHA-256 of path and body. Personal data: none.';
comment on column lms.audit_events.user_id is 'Whom it concerns. Personal data: identity (a pseudonym).';
