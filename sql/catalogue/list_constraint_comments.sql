-- catalogue/list_constraint_comments
-- Every rule of the schema with its comment, which is the default answer to a client who breaks it. Read once,
-- when the service starts.
--
-- result  rows  ConstraintComment

select /* catalogue/list_constraint_comments */
    rules.name,
    rules.comment
from (
    select
        constraints.conname::text as name,
        obj_description(constraints.oid, 'pg_constraint') as comment
    from pg_catalog.pg_constraint as constraints
    where
        constraints.connamespace = 'lms'::regnamespace
        -- PostgreSQL 18 lists NOT NULL too; those have no answer of their own.
        and constraints.contype in ('p', 'u', 'f', 'c', 'x')
    union all
    select
        indexes.relname::text as name,
        obj_description(indexes.oid, 'pg_class') as comment
    from pg_catalog.pg_index
    join pg_catalog.pg_class as indexes on indexes.oid = pg_index.indexrelid
    where
        indexes.relnamespace = 'lms'::regnamespace
        and pg_index.indisunique
        and not exists (
            select from pg_catalog.pg_constraint
            where pg_constraint.conindid = indexes.oid and pg_constraint.contype in ('p', 'u', 'x')
        )
) as rules
order by rules.name;
