-- Users: everybody who can log in, with one of three roles.
--
-- why    whoever asks for anything is a user; whoever teaches or learns is one too
-- locks  none, the table is new
-- undo   drops the table, and every account with it
--
-- depends: 0002_create_helper_functions

set local role lms_owner;

create table lms.users (
    user_id uuid not null default lms.uuidv7(),
    email text not null,
    full_name text not null,
    role text not null,
    password_hash text not null,
    settings jsonb not null default '{}',
    version integer not null default 1,
    deactivated_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pk primary key (user_id),
    constraint users_email_uq unique (email),
    -- Lets a course demand that its lecturer is one: see courses_lecturer_id_fk.
    constraint users_user_id_role_uq unique (user_id, role),
    constraint users_email_ck check (
        length(email) between 3 and 254 and email = lower(email) and email ~ '^[^\s@]+@[^\s@]+$'
    ),
    constraint users_full_name_ck check (length(full_name) between 1 and 200 and full_name !~ '^\s|\s$'),
    -- No enum: its values could not be taken back.
    constraint users_role_ck check (role in ('student', 'lecturer', 'super_admin')),
    -- The exclamation mark is the hash of no password: an account that nobody can log in to yet.
    constraint users_password_hash_ck check (password_hash = '!' or password_hash like '$argon2id$%'),
    constraint users_settings_ck check (jsonb_typeof(settings) = 'object' and pg_column_size(settings) <= 16384),
    constraint users_version_ck check (version >= 1)
);

comment on table lms.users is 'A person with an account. Personal data: identity, contact.';
comment on column lms.users.user_id is 'Key, UUIDv7. Personal data: identity (a pseudonym).';
comment on column lms.users.email is 'Address in canonical form, lower case. Personal data: contact.';
comment on column lms.users.full_name is 'Name as the person writes it. Personal data: identity.';
comment on column lms.users.role is 'student, lecturer or super_admin. Personal data: none.';
comment on column lms.users.password_hash is
    'Argon2id in PHC form, or ! for none. Not granted to the service; lms.credentials() hands it to the login. '
    'Personal data: identity (a secret).';
comment on column lms.users.settings is 'Preferences of the person, a JSON object. Personal data: identity.';
comment on column lms.users.version is 'Counts the edits, for If-Match. Personal data: none.';
comment on column lms.users.deactivated_at is 'Since when the account is closed; null while open. Personal data: none.';
comment on column lms.users.created_at is 'When the account was made. Personal data: none.';
comment on column lms.users.updated_at is 'When the account was last edited. Personal data: none.';

comment on constraint users_pk on lms.users is '409 This user exists already.';
comment on constraint users_email_uq on lms.users is '409 /email This e-mail address is already registered.';
comment on constraint users_user_id_role_uq on lms.users is '409 This user exists already.';
comment on constraint users_email_ck on lms.users is '422 /email Give one e-mail address of at most 254 characters.';
comment on constraint users_full_name_ck on lms.users is
    '422 /full_name Give a name of 1 to 200 characters, without space at its ends.';
comment on constraint users_role_ck on lms.users is '422 /role Use student, lecturer or super_admin.';
comment on constraint users_password_hash_ck on lms.users is '422 /password This is no password hash.';
comment on constraint users_settings_ck on lms.users is '422 /settings Give a JSON object of at most 16 KiB.';
comment on constraint users_version_ck on lms.users is '422 A version counts from 1.';

-- Not password_hash, and no writes: those come with the statements that need them.
grant select (user_id, email, full_name, role, settings, version, deactivated_at, created_at, updated_at)
on lms.users to lms_api;

alter table lms.users enable row level security;
-- Always true: who sees which row is decided by each statement. This shuts out every role but ours.
create policy users_own_roles on lms.users to lms_api, lms_migrate using (true) with check (true);
