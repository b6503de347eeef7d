"""The roles that the migrations make, and what each is for."""

from typing import Final

SERVICE_ROLE: Final = "lms_api"
"""Answers requests."""

WORKER_ROLE: Final = "lms_worker"
"""Does what nobody waits for: sends mails, hands in overdue attempts, grades again, sweeps files."""

MIGRATION_ROLE: Final = "lms_migrate"
"""Migrates and imports."""
