-- catalogue/read_service_role
-- What the role of this connection could do beyond serving. The service refuses to run as one that can. No row:
-- there is no schema to serve.
--
-- result  row?  ServiceRole

select /* catalogue/read_service_role */
    current_user::text as name,
    roles.rolsuper as is_superuser,
    roles.rolbypassrls as bypasses_row_security,
    pg_has_role(current_user, namespaces.nspowner, 'member') as is_owner
from pg_catalog.pg_roles as roles
cross join pg_catalog.pg_namespace as namespaces
where roles.rolname = current_user and namespaces.nspname = 'lms';
