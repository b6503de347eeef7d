-- Account tokens: the link by which somebody who was invited sets their first password.
--
-- why    a student is put on a course by address before they ever were here; the link in their mail opens the account
--        to them, once, and to nobody who reads the database
-- locks  users, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table: links that were sent stop working
--
-- depends: 0018_create_email_outbox

set local role lms_owner;

create table lms.account_tokens (
    token_hash bytea not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint account_tokens_pk primary key (token_hash),
    -- CASCADE: without the account there is nothing to open.
    constraint account_tokens_user_id_fk foreign key (user_id) references lms.users (user_id) on delete cascade,
    constraint account_tokens_token_hash_ck check (octet_length(token_hash) = 32),
    constraint account_tokens_expires_at_ck check (expires_at > created_at)
);

comment on table lms.account_tokens is
    'A link to set the first password of an account; a mail that is sent again has another. Personal data: identity.';
comment on column lms.account_tokens.token_hash is
    'SHA-256 of the token in the link, which is kept nowhere. Personal data: none.';
comment on column lms.account_tokens.user_id is 'Whose account it opens. Personal data: identity (a pseudonym).';
comment on column lms.account_tokens.created_at is 'When it was sent. Personal data: none.';
comment on column lms.account_tokens.expires_at is 'Until when it opens the account. Personal data: none.';
comment on column lms.account_tokens.used_at is
    'When the account got a password, by this link or another way; null before. Personal data: none.';

comment on constraint account_tokens_pk on lms.account_tokens is '409 Try again.';
comment on constraint account_tokens_user_id_fk on lms.account_tokens is '409 This user does not exist.';
comment on constraint account_tokens_token_hash_ck on lms.account_tokens is '422 A token hash has 32 bytes.';
comment on constraint account_tokens_expires_at_ck on lms.account_tokens is '422 A link ends after it was made.';

-- Serves sql/users/set_password.sql: an account with a password is not opened by a link any more.
create index account_tokens_user_id_ix on lms.account_tokens (user_id);
-- Serves sql/account_tokens/delete_expired_account_tokens.sql.
create index account_tokens_expires_at_ix on lms.account_tokens (expires_at);

create function lms.issue_account_token(token_hash bytea, user_id uuid, valid_hours integer)
returns table (issued_to uuid)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    insert into lms.account_tokens (token_hash, user_id, expires_at)
    select
        issue_account_token.token_hash,
        users.user_id,
        now() + make_interval(hours => issue_account_token.valid_hours)
    from lms.users
    where
        users.user_id = issue_account_token.user_id
        -- The marker of accounts that nobody can log in to: only these are opened by a link.
        and users.password_hash = '!'
        and users.deactivated_at is null
    returning account_tokens.user_id;
end;
comment on function lms.issue_account_token(bytea, uuid, integer) is
    'Makes a link to an account that is open and has no password yet: a row, or none where there is nothing to open. '
    'The worker, who sends it, can neither see a hash nor make any other link.';
grant execute on function lms.issue_account_token(bytea, uuid, integer) to lms_worker;

grant select on lms.account_tokens to lms_api;
grant update (used_at) on lms.account_tokens to lms_api;
grant delete on lms.account_tokens to lms_api;

alter table lms.account_tokens enable row level security;
create policy account_tokens_own_roles on lms.account_tokens to lms_api, lms_migrate using (true) with check (true);
