"""Every setting of the service: the environment variables `LMS_*`, and nothing else."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `api`, `sql` and `migrations`."""


def _postgresql_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"postgresql", "postgres"}:
        raise ValueError("give an address such as postgresql://localhost:5432/lms")
    return value


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give an address such as https://lms.school.example")
    return value.rstrip("/")


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]


def _bucket_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.hostname or parts.netloc != parts.hostname or parts.query:
        raise ValueError("give a bucket such as s3://bucket/prefix; its credentials are the variables AWS_*")
    return value


BucketUrl = Annotated[str, AfterValidator(_bucket_url)]


class Settings(BaseSettings):
    """The environment, read once at start-up. `lms config` prints it with the secrets masked."""

    model_config = SettingsConfigDict(env_prefix="LMS_", extra="ignore", frozen=True)

    database_url: DatabaseUrl | None = Field(
        default=None,
        description="Where the service finds PostgreSQL; its user is `lms_api`, never an owner. "
        "Unset, `lms up` starts its own server.",
    )
    migration_url: DatabaseUrl | None = Field(
        default=None,
        description="Where roles, migrations, seeds and imports are done, as an owner or administrator. "
        "Unset, the same as LMS_DATABASE_URL. Never a pooler.",
    )
    data_dir: Path = Field(
        default=ROOT / ".lms",
        description="Where `lms up` keeps the embedded server's data, where uploaded files go without LMS_STORAGE_URL "
        "(in `files/`), and mails without LMS_SMTP_HOST (in `mail/`).",
    )
    database_pooler: Literal["none", "transaction"] = Field(
        default="none",
        description="`transaction` if a transaction-mode pooler (PgBouncer, Supavisor) stands before the "
        "database: prepared statements are then not kept.",
    )
    database_pool_size: int = Field(default=10, ge=1, le=1000, description="Connections of one worker.")
    database_acquire_timeout: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds a request waits for a connection before it is answered 503.",
    )
    body_limit: int = Field(
        default=262_144,
        ge=1_024,
        description="Bytes of a JSON request body; a larger one is answered 413.",
    )
    import_limit: int = Field(
        default=4_194_304,
        ge=1_024,
        description="Bytes of a CSV file of enrolments; a larger one is answered 413.",
    )
    session_hours: int = Field(default=168, ge=1, le=8_760, description="Hours a login lasts at most.")
    session_idle_hours: int = Field(
        default=24, ge=1, le=8_760, description="Hours without a request after which a login ends."
    )
    storage_url: BucketUrl | None = Field(
        default=None,
        description="Where uploaded files go: s3://bucket/prefix, with credentials, region and endpoint from the usual "
        "AWS_* variables. Unset, the folder `files` in LMS_DATA_DIR, which all machines of a service must share.",
    )
    storage_link_seconds: int | None = Field(
        default=None,
        ge=1,
        le=604_800,
        description="With S3, a download is answered with a link to the bucket that works for so many seconds (307). "
        "Unset, files pass through the service.",
    )
    upload_limit: int = Field(
        default=2_147_483_648,
        ge=1_024,
        le=50_000_000_000,
        description="Bytes of an uploaded file; a larger one is answered 413.",
    )
    upload_seconds: int = Field(
        default=3_600,
        ge=1,
        le=86_400,
        description="Seconds that an upload may take; later it is answered 408, and what is left of it is swept.",
    )

    worker_url: DatabaseUrl | None = Field(
        default=None,
        description="Where `lms worker` finds PostgreSQL; its user is `lms_worker`. Never a pooler, which "
        "would not tell it of new mails.",
    )
    smtp_host: str | None = Field(
        default=None,
        min_length=1,
        description="The mail server. Unset, mails are written to the folder `mail` in LMS_DATA_DIR.",
    )
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="The mail server's port.")
    smtp_user: str | None = Field(
        default=None, description="Whom to log in to the mail server as, if at all."
    )
    smtp_password: SecretStr | None = Field(default=None, description="And with which password.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the way to the mail server is encrypted; `tls` from the start, as on port 465.",
    )
    smtp_timeout: float = Field(
        default=15.0, ge=1, le=300, description="Seconds for one mail, after which it is tried again later."
    )
    mail_from: str | None = Field(
        default=None,
        description="Who mails are from, such as `LMS <lms@school.example>`. Needed with LMS_SMTP_HOST.",
    )
    public_url: PublicUrl | None = Field(
        default=None,
        description="Where links in mails lead, such as `https://lms.school.example`; never taken from a "
        "request. Needed with LMS_SMTP_HOST.",
    )
    invitation_days: int = Field(
        default=14, ge=1, le=365, description="Days in which the link of an invitation opens an account."
    )
    mail_retry_seconds: int = Field(
        default=30,
        ge=1,
        le=3_600,
        description="Seconds before a mail is tried for the second time. Each wait is twice the one before: "
        "the 12 attempts of 30 seconds take 17 hours.",
    )

    def require_database_url(self) -> str:
        """The service's address. Raises SystemExit with advice where it is not set."""
        if self.database_url is None:
            raise SystemExit("Set LMS_DATABASE_URL, or run `lms up`, which brings its own PostgreSQL.")
        return self.database_url.get_secret_value()

    def require_migration_url(self) -> str:
        """The owner's address. Raises SystemExit with advice where neither address is set."""
        url = self.migration_url or self.database_url
        if url is None:
            raise SystemExit("Set LMS_MIGRATION_URL to the address of a database owner or administrator.")
        return url.get_secret_value()

    def require_worker_url(self) -> str:
        """The worker's address. Raises SystemExit with advice where it is not set."""
        if self.worker_url is None:
            raise SystemExit(
                "Set LMS_WORKER_URL to the address of lms_worker, or run `lms up`, which sends mail too."
            )
        return self.worker_url.get_secret_value()
