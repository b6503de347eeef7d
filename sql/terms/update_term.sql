-- terms/update_term
-- Change a term, by an administrator who has seen its present version.
--
-- $1  token_hash  bytea
-- $2  term_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  patch       jsonb    a merge patch: code, title, starts_on, ends_on
--
-- result  versioned  Term    404: no such term that you may change
-- fails   terms_code_uq
-- fails   terms_code_ck
-- fails   terms_title_ck
-- fails   terms_dates_ck
-- index   terms_pk

with /* terms/update_term */ actor as (
    select role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won.
    select terms.term_id, terms.version
    from lms.terms
    cross join actor
    where terms.term_id = $2 and lms.can_administer(actor.role)
    for no key update of terms
),
updated as (
    update lms.terms
    set
        code = case when $4 ? 'code' then $4 ->> 'code' else terms.code end,
        title = case when $4 ? 'title' then $4 ->> 'title' else terms.title end,
        starts_on = case when $4 ? 'starts_on' then ($4 ->> 'starts_on')::date else terms.starts_on end,
        ends_on = case when $4 ? 'ends_on' then ($4 ->> 'ends_on')::date else terms.ends_on end,
        version = terms.version + 1,
        updated_at = now()
    from target
    where terms.term_id = target.term_id and target.version = coalesce($3, target.version)
    returning
        terms.term_id,
        terms.code,
        terms.title,
        terms.starts_on,
        terms.ends_on,
        terms.archived_at,
        terms.version,
        terms.created_at,
        terms.updated_at
)
select
    case
        when updated.term_id is not null then json_build_object(
            'id', updated.term_id,
            'code', updated.code,
            'title', updated.title,
            'starts_on', updated.starts_on,
            'ends_on', updated.ends_on,
            'archived_at', updated.archived_at,
            'version', updated.version,
            'created_at', updated.created_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join updated on true;
