-- terms/create_term
-- A new term, made by an administrator.
--
-- $1  token_hash  bytea
-- $2  code        text
-- $3  title       text
-- $4  starts_on   date
-- $5  ends_on     date
--
-- result  created  Term    404: only administrators make terms
-- fails   terms_code_uq
-- fails   terms_code_ck
-- fails   terms_title_ck
-- fails   terms_dates_ck

with /* terms/create_term */ actor as (
    select role from lms.actor($1)
),
created as (
    insert into lms.terms (code, title, starts_on, ends_on)
    select $2, $3, $4, $5
    from actor
    where lms.can_administer(actor.role)
    returning term_id, code, title, starts_on, ends_on, archived_at, version, created_at, updated_at
)
select
    case
        when created.term_id is not null then json_build_object(
            'id', created.term_id,
            'code', created.code,
            'title', created.title,
            'starts_on', created.starts_on,
            'ends_on', created.ends_on,
            'archived_at', created.archived_at,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.term_id as id
from actor
left join created on true;
