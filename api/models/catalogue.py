"""What the service asks PostgreSQL about itself. No client sees these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConstraintComment:
    """A constraint or unique index, and its comment: what a client who breaks it is told."""

    name: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Whether the schema is at least the version that the service knows."""

    is_current: bool


@dataclass(frozen=True, slots=True)
class ServiceRole:
    """The role of a connection, and what makes it unfit to serve."""

    name: str
    is_superuser: bool
    bypasses_row_security: bool
    is_owner: bool
