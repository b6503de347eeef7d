"""The schema as PostgreSQL has it: what the headers of the query files may name."""

from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of one table that name a row of another."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the schema `lms`."""

    name: str
    columns: frozenset[str]
    key: tuple[str, ...]
    """The columns of the primary key, in order."""
    unique: frozenset[str]
    """Columns that are in any unique rule."""
    parents: tuple[ForeignKey, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is to name."""

    tables: dict[str, Table]
    rules: dict[str, frozenset[str]]
    """Constraints and unique indexes, each with the tables whose rows can break it."""
    indexes: frozenset[str]
    roles: frozenset[str]
    """Who may use the schema."""
    refusals: dict[str, frozenset[str]]
    """By function, the rules that it refuses itself, as its comment says: `Refuses quiz_key_form, ….`"""


def read_catalogue(connection: psycopg.Connection[Any]) -> Catalogue:
    """Read the schema `lms` of a migrated database."""
    tables = {
        name: Table(name, frozenset(columns), tuple(key), frozenset(unique), _parents(connection, name))
        for name, columns, key, unique in connection.execute(_TABLES)
    }
    rules = {name: frozenset(among) for name, among in connection.execute(_RULES)}
    indexes = frozenset(name for (name,) in connection.execute(_INDEXES))
    roles = frozenset(name for (name,) in connection.execute(_ROLES))
    refusals = {
        name: frozenset(listed.split(", ")) for name, listed in connection.execute(_REFUSALS) if listed
    }
    return Catalogue(tables, rules, indexes, roles, refusals)


def _parents(connection: psycopg.Connection[Any], table: str) -> tuple[ForeignKey, ...]:
    return tuple(
        ForeignKey(tuple(columns), parent, tuple(parent_columns))
        for columns, parent, parent_columns in connection.execute(_FOREIGN_KEYS, (table,))
    )


_TABLES = """
    select
        tables.relname,
        array(
            select attname::text
            from pg_catalog.pg_attribute
            where attrelid = tables.oid and attnum > 0 and not attisdropped
            order by attnum
        ),
        array(
            select attname::text
            from pg_catalog.pg_index
            cross join unnest(indkey::int2[]) with ordinality as parts (attnum, place)
            join pg_catalog.pg_attribute on attrelid = indrelid and pg_attribute.attnum = parts.attnum
            where indrelid = tables.oid and indisprimary
            order by place
        ),
        array(
            select attname::text
            from pg_catalog.pg_index
            join pg_catalog.pg_attribute on attrelid = indrelid and attnum = any(indkey::int2[])
            where indrelid = tables.oid and indisunique
        )
    from pg_catalog.pg_class as tables
    where tables.relnamespace = 'lms'::regnamespace and tables.relkind in ('r', 'p')
    order by tables.relname
"""

_FOREIGN_KEYS = """
    select
        array(
            select attname::text
            from unnest(keys.conkey) with ordinality as parts (attnum, place)
            join pg_catalog.pg_attribute on attrelid = keys.conrelid and pg_attribute.attnum = parts.attnum
            order by place
        ),
        parents.relname,
        array(
            select attname::text
            from unnest(keys.confkey) with ordinality as parts (attnum, place)
            join pg_catalog.pg_attribute on attrelid = keys.confrelid and pg_attribute.attnum = parts.attnum
            order by place
        )
    from pg_catalog.pg_constraint as keys
    join pg_catalog.pg_class as tables on tables.oid = keys.conrelid
    join pg_catalog.pg_class as parents on parents.oid = keys.confrelid
    where keys.contype = 'f' and tables.relnamespace = 'lms'::regnamespace and tables.relname = %s
    order by keys.conname
"""

_RULES = """
    with recursive deleting (rule, relid) as (
        select oid, confrelid from pg_catalog.pg_constraint where contype = 'f'
        union
        -- A deletion that cascades to the parent breaks the rule as well.
        select deleting.rule, keys.confrelid
        from deleting
        join pg_catalog.pg_constraint as keys
            on keys.conrelid = deleting.relid and keys.contype = 'f' and keys.confdeltype = 'c'
    )
    select
        constraints.conname,
        array(
            select relname::text
            from pg_catalog.pg_class
            where
                oid = constraints.conrelid
                or oid in (select relid from deleting where rule = constraints.oid)
        )
    from pg_catalog.pg_constraint as constraints
    where constraints.connamespace = 'lms'::regnamespace and constraints.contype in ('p', 'u', 'f', 'c', 'x')
    union all
    select indexes.relname, array[tables.relname::text]
    from pg_catalog.pg_index
    join pg_catalog.pg_class as indexes on indexes.oid = pg_index.indexrelid
    join pg_catalog.pg_class as tables on tables.oid = pg_index.indrelid
    where
        indexes.relnamespace = 'lms'::regnamespace
        and pg_index.indisunique
        and not exists (
            select from pg_catalog.pg_constraint where conindid = indexes.oid and contype in ('p', 'u', 'x')
        )
"""

_INDEXES = """
    select relname from pg_catalog.pg_class where relnamespace = 'lms'::regnamespace and relkind = 'i'
"""

_ROLES = """
    select rolname from pg_catalog.pg_roles where has_schema_privilege(oid, 'lms'::regnamespace, 'usage')
"""

_REFUSALS = """
    select proname, substring(obj_description(oid, 'pg_proc') from 'Refuses ([a-z0-9_, ]+)[.]')
    from pg_catalog.pg_proc
    where pronamespace = 'lms'::regnamespace
"""
