"""What every seed asks first: whether made-up people have any business in this database."""

from typing import Any

import psycopg


def is_production(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database is for production, as `lms roles --environment` recorded it."""
    row = connection.execute("select environment = 'production' from lms.deployments").fetchone()
    return row is not None and row[0] is True
