"""The data service of a learning-management system: hand-written SQL on PostgreSQL, served over HTTP."""

__version__ = "0.1.0"
