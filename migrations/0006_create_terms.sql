-- Terms: the spans of time that courses are given in.
--
-- why    courses are planned, listed and archived by term
-- locks  none, the table is new
-- undo   drops the table, and every term with it
--
-- depends: 0005_create_actor

set local role lms_owner;

create table lms.terms (
    term_id uuid not null default lms.uuidv7(),
    code text not null,
    title text not null,
    starts_on date not null,
    ends_on date not null,
    archived_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint terms_pk primary key (term_id),
    constraint terms_code_uq unique (code),
    constraint terms_code_ck check (code ~ '^[A-Z0-9][A-Z0-9._-]{0,31}$'),
    constraint terms_title_ck check (length(title) between 1 and 200 and title !~ '^\s|\s$'),
    constraint terms_dates_ck check (starts_on <= ends_on),
    constraint terms_version_ck check (version >= 1)
);

comment on table lms.terms is 'A span of time that courses are given in. Personal data: none.';
comment on column lms.terms.term_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.terms.code is 'Short name, such as 2026-AUTUMN. Personal data: none.';
comment on column lms.terms.title is 'Name as people say it. Personal data: none.';
comment on column lms.terms.starts_on is 'First day. Personal data: none.';
comment on column lms.terms.ends_on is 'Last day, included. Personal data: none.';
comment on column lms.terms.archived_at is 'When the term went to the archive; null before. Personal data: none.';
comment on column lms.terms.version is 'Counts the edits, for If-Match. Personal data: none.';
comment on column lms.terms.created_at is 'When the term was made. Personal data: none.';
comment on column lms.terms.updated_at is 'When the term was last edited. Personal data: none.';

comment on constraint terms_pk on lms.terms is '409 This term exists already.';
comment on constraint terms_code_uq on lms.terms is '409 /code Another term has this code.';
comment on constraint terms_code_ck on lms.terms is
    '422 /code Use 1 to 32 capital letters, digits, dots, hyphens or underscores; a letter or digit first.';
comment on constraint terms_title_ck on lms.terms is
    '422 /title Give a title of 1 to 200 characters, without space at its ends.';
comment on constraint terms_dates_ck on lms.terms is '422 /ends_on A term ends on the day it starts, or later.';
comment on constraint terms_version_ck on lms.terms is '422 A version counts from 1.';

-- Not archived_at: the archive sets it.
grant select, delete on lms.terms to lms_api;
grant insert (code, title, starts_on, ends_on) on lms.terms to lms_api;
grant update (code, title, starts_on, ends_on, version, updated_at) on lms.terms to lms_api;

alter table lms.terms enable row level security;
create policy terms_own_roles on lms.terms to lms_api, lms_migrate using (true) with check (true);
