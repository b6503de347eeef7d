-- terms/list_terms
-- All terms, oldest entry first, one page of them. Everybody who is logged in may see them.
--
-- $1  token_hash   bytea
-- $2  after_id     uuid     the last id of the page before; null for the first
-- $3  page_limit   integer  1 to 100
-- $4  page_offset  bigint
-- $5  with_total   boolean  counting costs more than the page
--
-- result  page  TermPage
-- index   terms_pk

select /* terms/list_terms */
    case
        when $5 then json_build_object(
            'items', term.items,
            'next', term.next,
            'total', least(term.total, 10000),
            'total_is_lower_bound', term.total > 10000
        )
        else json_build_object('items', term.items, 'next', term.next)
    end as document,
    term.next
from lms.actor($1) as actor
left join lateral (
    with bounded as (
        select
            term_id,
            code,
            title,
            starts_on,
            ends_on,
            archived_at,
            version,
            created_at,
            updated_at
        from lms.terms
        where term_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
        order by term_id
        limit 101 offset $4   -- a constant bound: a generic plan cannot see how small $3 is
    ),
    page as (
        select
            term_id,
            code,
            title,
            starts_on,
            ends_on,
            archived_at,
            version,
            created_at,
            updated_at,
            row_number() over (order by term_id) as place
        from bounded
        order by term_id
        limit $3 + 1
    )
    select
        coalesce(
            json_agg(
                json_build_object(
                    'id', page.term_id,
                    'code', page.code,
                    'title', page.title,
                    'starts_on', page.starts_on,
                    'ends_on', page.ends_on,
                    'archived_at', page.archived_at,
                    'version', page.version,
                    'created_at', page.created_at,
                    'updated_at', page.updated_at
                )
                order by page.place
            ) filter (where page.place <= $3),
            '[]'
        ) as items,
        case
            when count(*) > $3 then lms.cursor((array_agg(page.term_id) filter (where page.place = $3))[1])
        end as next,
        case when $5 then (select count(*) from (select from lms.terms limit 10001) as counted) end as total
    from page
) as term on true;
