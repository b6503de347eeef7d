"""Whom the parts run as: never as somebody who could change what they work on."""

from api.database.pool import Pool
from api.repositories import catalogue


class UnfitRoleError(Exception):
    """A part cannot run as its role: it could do more than its work, or there is nothing to work on."""


async def check_role(pool: Pool, *, part: str, variable: str, role: str) -> None:
    """Raises UnfitRoleError where a part, such as "The service", runs as somebody who could do more than its work.

    `variable` is the setting that names them, `role` who would do.
    """
    found = await catalogue.read_service_role(pool)
    if found is None:
        raise UnfitRoleError("The database has no schema of ours: run `lms migrate` first.")
    unfit = {
        "is a superuser": found.is_superuser,
        "owns the schema": found.is_owner,
        "bypasses row-level security": found.bypasses_row_security,
    }
    for what, true in unfit.items():
        if true:
            raise UnfitRoleError(
                f"{part} will not run as {found.name}, which {what}: "
                f"let {variable} name {role} (`lms roles` gives it a login)."
            )
