-- terms/delete_term
-- Delete a term without courses, by an administrator who has seen its present version.
--
-- $1  token_hash  bytea
-- $2  term_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
--
-- result  versioned  Deleted    404: no such term that you may delete
-- fails   courses_term_id_fk
-- index   terms_pk

with /* terms/delete_term */ actor as (
    select role from lms.actor($1)
),
target as (
    select terms.term_id, terms.version
    from lms.terms
    cross join actor
    where terms.term_id = $2 and lms.can_administer(actor.role)
    for update of terms
),
deleted as (
    delete from lms.terms
    using target
    where terms.term_id = target.term_id and target.version = coalesce($3, target.version)
    returning terms.term_id
)
select
    case when deleted.term_id is not null then json_build_object('id', deleted.term_id) end as document,
    target.version
from actor
left join target on true
left join deleted on true;
