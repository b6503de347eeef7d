-- Idempotency keys: the first answer to a request that may be sent twice.
--
-- why    an answer lost on the way makes an honest client ask again; it must get the same answer, not a
--        second effect
-- locks  users, SHARE ROW EXCLUSIVE, for the foreign key; no rows are scanned
-- undo   drops the table; a request sent again after that takes effect again
--
-- depends: 0008_create_syllabus_weeks

set local role lms_owner;

create table lms.idempotency_keys (
    user_id uuid not null,
    route text not null,
    key text not null,
    request_hash bytea not null,
    status smallint,
    headers jsonb,
    body bytea,
    created_at timestamptz not null default now(),
    constraint idempotency_keys_pk primary key (user_id, route, key),
    -- CASCADE: the answers hold what the person saw, and go with the person.
    constraint idempotency_keys_user_id_fk foreign key (user_id) references lms.users (user_id) on delete cascade,
    constraint idempotency_keys_route_ck check (length(route) between 1 and 200),
    constraint idempotency_keys_key_ck check (length(key) between 1 and 200),
    constraint idempotency_keys_request_hash_ck check (octet_length(request_hash) = 32),
    -- Null only inside the transaction that will fill it.
    constraint idempotency_keys_status_ck check (status between 200 and 299)
);

comment on table lms.idempotency_keys is 'The answer to a request that carried an Idempotency-Key, for 24 hours. Personal data: identity.';
comment on column lms.idempotency_keys.user_id is 'Who asked: keys of others are other keys. Personal data: identity.';
comment on column lms.idempotency_keys.route is 'Method and path template, such as POST /courses. Personal data: none.';
comment on column lms.idempotency_keys.key is 'The header as the client sent it. Personal data: none.';
comment on column lms.idempotency_keys.request_hash is 'SHA-256 of path and body. Personal data: none.';
comment on column lms.idempotency_keys.status is 'HTTP status of the answer, 2xx. Personal data: none.';
comment on column lms.idempotency_keys.headers is 'Headers of the answer that belong to it: ETag, Location. Personal data: none.';
comment on column lms.idempotency_keys.body is 'Body of the answer, byte for byte. Personal data: identity (what the person saw).';
comment on column lms.idempotency_keys.created_at is 'When the request came first. Personal data: none.';

comment on constraint idempotency_keys_pk on lms.idempotency_keys is '409 This key is in use.';
comment on constraint idempotency_keys_user_id_fk on lms.idempotency_keys is '409 This user does not exist.';
comment on constraint idempotency_keys_route_ck on lms.idempotency_keys is '422 A route has 1 to 200 characters.';
comment on constraint idempotency_keys_key_ck on lms.idempotency_keys is '422 An Idempotency-Key has 1 to 200 characters.';
comment on constraint idempotency_keys_request_hash_ck on lms.idempotency_keys is '422 A request hash has 32 bytes.';
comment on constraint idempotency_keys_status_ck on lms.idempotency_keys is '422 Only answers of success are kept.';

-- Serves sql/idempotency_keys/delete_expired_idempotency_keys.sql.
create index idempotency_keys_created_at_ix on lms.idempotency_keys (created_at);

grant select, insert, update, delete on lms.idempotency_keys to lms_api;

alter table lms.idempotency_keys enable row level security;
create policy idempotency_keys_own_roles on lms.idempotency_keys to lms_api, lms_migrate using (true) with check (true);
