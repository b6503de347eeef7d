-- catalogue/read_schema_state
-- Whether the schema is at least the version that the service knows.
--
-- $1  migration_id  text
--
-- result  row  SchemaState

select /* catalogue/read_schema_state */
    exists(select from lms_migrations._yoyo_migration where migration_id = $1) as is_current;
