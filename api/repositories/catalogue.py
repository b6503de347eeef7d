"""sql/catalogue: what the service asks PostgreSQL about itself."""

from api.database.pool import Database
from api.database.query import query
from api.models.catalogue import ConstraintComment, SchemaState, ServiceRole


@query("catalogue/list_constraint_comments")
async def list_constraint_comments(db: Database) -> list[ConstraintComment]: ...


@query("catalogue/read_schema_state")
async def read_schema_state(db: Database, *, migration_id: str) -> SchemaState: ...


@query("catalogue/read_service_role")
async def read_service_role(db: Database) -> ServiceRole | None: ...
