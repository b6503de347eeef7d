-- terms/read_term
-- One term. Everybody who is logged in may see it.
--
-- $1  token_hash  bytea
-- $2  term_id     uuid
--
-- result  versioned  Term    404: no such term
-- index   terms_pk

select /* terms/read_term */
    case
        when terms.term_id is not null then json_build_object(
            'id', terms.term_id,
            'code', terms.code,
            'title', terms.title,
            'starts_on', terms.starts_on,
            'ends_on', terms.ends_on,
            'archived_at', terms.archived_at,
            'version', terms.version,
            'created_at', terms.created_at,
            'updated_at', terms.updated_at
        )
    end as document,
    terms.version
from lms.actor($1) as actor
left join lms.terms on terms.term_id = $2;
