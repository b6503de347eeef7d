-- Sessions: who is logged in, by the hash of an opaque token.
--
-- why    a token that is looked up can be ended at once, for one device or for all
-- locks  users, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table; everybody has to log in again
--
-- depends: 0003_create_users

set local role lms_owner;

create table lms.sessions (
    token_hash bytea not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    idle_timeout interval not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint sessions_pk primary key (token_hash),
    -- CASCADE: a session is nothing without its user.
    constraint sessions_user_id_fk foreign key (user_id) references lms.users (user_id) on delete cascade,
    constraint sessions_token_hash_ck check (octet_length(token_hash) = 32),
    constraint sessions_idle_timeout_ck check (idle_timeout > interval '0'),
    constraint sessions_expires_at_ck check (expires_at > created_at)
);

comment on table lms.sessions is 'A login that lasts until it expires, idles or is revoked. Personal data: identity.';
comment on column lms.sessions.token_hash is 'SHA-256 of the bearer token; the token itself is never stored. Personal data: none.';
comment on column lms.sessions.user_id is 'Who is logged in. Personal data: identity.';
comment on column lms.sessions.created_at is 'When the login was. Personal data: none.';
comment on column lms.sessions.last_seen_at is 'The last request, to the minute. Personal data: identity (a trace of behaviour).';
comment on column lms.sessions.idle_timeout is 'How long the session lives without a request. Personal data: none.';
comment on column lms.sessions.expires_at is 'When the session ends in any case. Personal data: none.';
comment on column lms.sessions.revoked_at is 'When it was ended by a logout; null while alive. Personal data: none.';

comment on constraint sessions_pk on lms.sessions is '409 This session exists already.';
comment on constraint sessions_user_id_fk on lms.sessions is '409 This user does not exist.';
comment on constraint sessions_token_hash_ck on lms.sessions is '422 A token hash has 32 bytes.';
comment on constraint sessions_idle_timeout_ck on lms.sessions is '422 An idle time-out is longer than nothing.';
comment on constraint sessions_expires_at_ck on lms.sessions is '422 A session ends after it began.';

-- Serves the deletion of a user, and the end of all sessions of one.
create index sessions_user_id_ix on lms.sessions (user_id);
-- Serves sql/sessions/delete_expired_sessions.sql.
create index sessions_expires_at_ix on lms.sessions (expires_at);

grant select, insert, delete on lms.sessions to lms_api;
grant update (last_seen_at, revoked_at) on lms.sessions to lms_api;

alter table lms.sessions enable row level security;
create policy sessions_own_roles on lms.sessions to lms_api, lms_migrate using (true) with check (true);
