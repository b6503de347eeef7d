"""`lms up`: everything from an empty directory to a service that answers and mails that go out, in one process."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import click
from pydantic import SecretStr

from api.database import embedded
from api.database.addresses import mask, password_of, place_of, user_of, with_login
from api.database.known_version import known_version
from api.database.roles import SERVICE_ROLE, WORKER_ROLE
from api.operations import migrate
from api.operations.failures import FailureError
from api.operations.roles import can_log_in, give_login
from api.operations.serve import is_public, listening, serve_here, url_of
from api.operations.targets import connect, create_database
from api.operations.terminal import tell, working
from api.operations.worker import check_settings, destination, run
from api.settings import Settings
from seeds.setup_demo import DEMO_ACCOUNTS, DEMO_PASSWORD, seed

_IS_OWNER: Final = """
    select
        roles.rolsuper
        or has_database_privilege(current_database(), 'create')
        or exists (
            select from pg_catalog.pg_roles as owners
            where owners.rolname = 'lms_owner' and pg_has_role(owners.oid, 'member')
        )
    from pg_catalog.pg_roles as roles
    where roles.rolname = current_user
"""
_IS_MIGRATED: Final = "select exists (select from lms_migrations._yoyo_migration where migration_id = %s)"
_HAS_ACCOUNTS: Final = "select exists (select from lms.users)"
_HAS_DEMO_ACCOUNTS: Final = "select exists (select from lms.users where email = 'admin@example.edu')"


@dataclass(frozen=True, slots=True)
class _Target:
    """A database, the ways into it, and where it is in words."""

    service_url: str
    owner_url: str | None
    """None where only the service's own address was given: the schema is then somebody else's work."""
    place: str
    worker_url: str | None
    """None where nobody said how to log in as the worker, who then has to run elsewhere."""


def up(settings: Settings, *, host: str, port: int, directory: Path, demo: bool) -> None:
    """Bring up database, schema, demo data, service and worker, and serve until a signal says stop.

    Raises:
        FailureError, EmbeddedError, psycopg.Error, SystemExit: something is in the way, and says what.
    """
    directory = directory.expanduser().resolve()
    with listening(host, port) as listener, ExitStack() as stack:
        # Before anything is made that would have to be taken back.
        if demo and is_public(listener):
            raise FailureError(
                f"Demo accounts are not served on {host}, since everybody knows their password: "
                "add --no-demo, or leave --host at 127.0.0.1."
            )
        target = stack.enter_context(_target(settings, directory))
        _migrate(target)
        _let_in(target)
        if demo:
            _seed(target)
        has_demo = _ask(target.owner_url or target.service_url, _HAS_DEMO_ACCOUNTS)
        if has_demo and is_public(listener):
            raise FailureError(
                f"Demo accounts of an earlier run are in {target.place}, and everybody knows their password: "
                "take another --data-dir or database, or leave --host at 127.0.0.1."
            )
        url = url_of(listener)
        settings = settings.model_copy(
            update={
                "database_url": SecretStr(target.service_url),
                "worker_url": None if target.worker_url is None else SecretStr(target.worker_url),
                "data_dir": directory,
                "public_url": settings.public_url or url,
            }
        )
        mail = "not sent from here: set LMS_WORKER_URL, or run `lms worker`"
        if target.worker_url is not None:
            check_settings(settings)
            mail = destination(settings)
        serve_here(
            settings,
            listener,
            on_started=lambda: click.echo(_banner(url, target, mail=mail, has_demo=has_demo)),
            beside=None
            if target.worker_url is None
            else lambda stop: run(settings, stop, on_ready=lambda: None),
        )
        tell("Stopping.")
    tell("Stopped.")


@contextmanager
def _target(settings: Settings, directory: Path) -> Iterator[_Target]:
    """The database to use: the environment's, or else the embedded server's."""
    if settings.database_url is not None or settings.migration_url is not None:
        yield _given_target(settings, directory)
        return
    with ExitStack() as stack:
        with working("Starting PostgreSQL"):
            url = stack.enter_context(embedded.running(directory))
        # Only we and root can reach its socket, which trusts whoever can: no password is needed.
        yield _Target(
            service_url=with_login(url, SERVICE_ROLE, None),
            owner_url=url,
            place=str(directory),
            worker_url=with_login(url, WORKER_ROLE, None),
        )


def _given_target(settings: Settings, directory: Path) -> _Target:
    """What LMS_DATABASE_URL and LMS_MIGRATION_URL name. The database is made where only it is missing.

    An owner's address is no address to serve from. Where there is no other, the service gets the login of
    lms_api on the same database, with a password of its own that is kept in the data directory; and the worker
    that of lms_worker.
    """
    service_url, owner_url, worker_url = (
        None if url is None else url.get_secret_value()
        for url in (settings.database_url, settings.migration_url, settings.worker_url)
    )
    first = owner_url or settings.require_migration_url()
    place = place_of(first)
    with working(f"Connecting to {place}"):
        if create_database(first):
            tell(f"There was no database {place}, so it was made.")
        if owner_url is None and _ask(first, _IS_OWNER):
            owner_url, service_url = first, None
    if service_url is None:
        service_url = with_login(first, SERVICE_ROLE, _kept_password(directory, SERVICE_ROLE))
        worker_url = worker_url or with_login(first, WORKER_ROLE, _kept_password(directory, WORKER_ROLE))
    return _Target(service_url=service_url, owner_url=owner_url, place=place, worker_url=worker_url)


def _kept_password(directory: Path, role: str) -> str:
    """The password of a role, made at the first time and readable by its owner alone."""
    path = directory / f"{role}.password"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(24)
    directory.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    return password


def _migrate(target: _Target) -> None:
    if target.owner_url is None:
        known = known_version()
        if not _ask(target.service_url, _IS_MIGRATED, known):
            raise FailureError(
                f"{target.place} is not migrated to {known}, and LMS_DATABASE_URL names nobody who may do "
                "that: set LMS_MIGRATION_URL too."
            )
        return
    with working("Migrating") as status:
        applied = migrate.apply(
            target.owner_url,
            on_progress=lambda id_, number, total: status.update(f"Migration {number} of {total}: {id_}"),
        )
    if applied:
        tell(f"Migrations applied: {len(applied)}.")


def _let_in(target: _Target) -> None:
    """See to it that the logins of service and worker work; one that works already is left alone."""
    for url, role in ((target.service_url, SERVICE_ROLE), (target.worker_url, WORKER_ROLE)):
        if url is None:
            continue
        if target.owner_url is not None and user_of(url) == role and not can_log_in(url):
            give_login(target.owner_url, role, password_of(url))
        connect(url).close()


def _seed(target: _Target) -> None:
    """Add the demo school, except to a database that is already used for something else."""
    url = target.owner_url
    if url is None:
        tell("LMS_DATABASE_URL names the service alone, which may not add demo data: none were added.")
    elif _ask(url, _HAS_ACCOUNTS) and not _ask(url, _HAS_DEMO_ACCOUNTS):
        tell(f"{target.place} has accounts of its own: no demo data were added (`lms seed demo` does).")
    else:
        with working("Setting up the demo school"):
            seed(url)


def _ask(url: str, question: LiteralString, *parameters: str) -> bool:
    with connect(url) as connection:
        answer = connection.execute(question, parameters).fetchone()
    return answer is not None and bool(answer[0])


def _banner(url: str, target: _Target, *, mail: str, has_demo: bool) -> str:
    lines = [
        f"The LMS data service answers at {url}",
        "",
        f"  documentation  {url}/docs",
        f"  data           {target.place}",
        f"  database       {mask(target.owner_url or target.service_url)}",
        f"  mail           {mail}",
    ]
    if has_demo:
        # The first of each role.
        examples = {account.role: account.email for account in reversed(DEMO_ACCOUNTS)}
        login = {"email": DEMO_ACCOUNTS[0].email, "password": DEMO_PASSWORD}
        lines += [
            f"  accounts       {', '.join(f'{email} ({role})' for role, email in examples.items())}",
            f"  password       {DEMO_PASSWORD}",
            "",
            "Log in; every other request takes the access_token of the answer (Authorization: Bearer …):",
            "",
            f"  curl -s {url}/auth/login -H 'Content-Type: application/json' -d '{json.dumps(login)}'",
        ]
    return "\n".join(["", *lines, "", "Ctrl-C stops it."])
