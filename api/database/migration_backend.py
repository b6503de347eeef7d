"""yoyo's PostgreSQL backend, made safe against crashes, races and edited files: `postgresql+lms://`.

Stock yoyo commits a migration on one connection and its mark on another, keeps its lock as a row that a crash
leaves behind, hashes only the names of files, and skips what it cannot load. Here:

*   A migration, its mark, its log entry and the hash of its content are one transaction on one connection.
*   The lock ends with the connection that holds it (`migration_lock.py`).
*   An applied file that was changed, a migration without a rollback file, and an order that would leave
    something hanging are refused by name before anything happens (`migration_files.py` reads the files).
*   A file goes to the server as it stands, with an empty search_path, so every name in it is qualified.

The records are in the schema `lms_migrations`: yoyo's own three tables, and `_lms_content` with the hashes.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential
from yoyo import internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration
from yoyo.migrations import Migration, MigrationList

from api.database.migration_address import APPLICATION, connect
from api.database.migration_files import MigrationError, MigrationFile, Script, read_folders, read_migration
from api.database.migration_lock import LOCK_PATIENCE, MigrationLock

MIGRATION_TABLE = "_yoyo_migration"

LOCK_TIMEOUT = "750ms"
"""How long a statement in a transaction may queue for a lock on a table.

Whoever comes after it queues behind it, so this is also how long a request of the service may stall: well
under the second that it is allowed. What it waits for may take minutes; that is what trying again is for.
"""

STANDALONE_LOCK_TIMEOUT = "2min"
"""The same for `-- transactional: false`. Nobody queues behind `create index concurrently`, which has to wait
for every transaction that is open, and starts from the beginning if it is not let."""

RETRY_PATIENCE = 600.0
"""Seconds of trying again, from the first try, before a file is given up."""

RETRY_PAUSE = 10.0
"""Seconds of the longest pause between two tries. Pauses are random: up to 0.25 s, 0.5 s, 1 s, … this."""

_SESSION = """
    select set_config(name, wanted.value, false)
    from (
        values
        ('search_path', 'lms_migrations'),
        -- What a role or a database has for its ordinary sessions; a migration may take long.
        ('statement_timeout', '0'),
        ('transaction_timeout', '0'),
        ('idle_session_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'),
        ('lock_timeout', '0'),
        -- When this process dies, the server ends its statement too, not when that is done, lock and all.
        ('client_connection_check_interval', '1s')
    ) as wanted (name, value)
    join pg_settings using (name)
    where name <> 'client_connection_check_interval' or version() like '%linux%'
"""

_CONTENT_TABLE = """
    create table lms_migrations._lms_content (
        migration_id varchar(255) not null,
        sha256 text not null,
        constraint _lms_content_pk primary key (migration_id),
        constraint _lms_content_sha256_ck check (sha256 ~ '^[0-9a-f]{64}$')
    );
    comment on schema lms_migrations is 'What was migrated, when, and by whom.';
    comment on table lms_migrations._lms_content is
        'The hash of each applied migration file, as sha256sum prints it: an applied file is never edited.';
"""

_APPLIED = """
    select migration_id, sha256, applied_at_utc at time zone 'UTC'
    from lms_migrations._yoyo_migration
    left join lms_migrations._lms_content using (migration_id)
    order by migration_id
"""

Direction = Literal["apply", "rollback"]
Operation = Literal["apply", "rollback", "mark", "unmark"]
Progress = Callable[[str, int, int], None]

logger = logging.getLogger("yoyo.migrations")


class LmsBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo ships no types
    """What yoyo's commands and `lms migrate` work on; yoyo finds it by the entry point `postgresql+lms`.

    Every method that meets a problem raises MigrationError, with one message for the person who asked.
    """

    _connection: psycopg.Connection
    on_progress: Progress | None = None
    """Called as each migration begins: its id, its number from 1, and how many there are."""

    def __init__(self, dburi: DatabaseURI, migration_table: str) -> None:
        if migration_table != MIGRATION_TABLE:
            raise MigrationError(f"The migration table is {MIGRATION_TABLE}: the service looks there, too.")
        with _plainly("The session cannot be set up"):
            super().__init__(dburi, migration_table)
        self._lock = MigrationLock(self._connection)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The backend of an address as libpq takes it; init_database() is left to the caller.

        yoyo's own way takes the address apart, which loses lists of hosts and directories of sockets.
        """
        # Never empty, even where the address is: empty would mean the environment's.
        address = {"fallback_application_name": APPLICATION, **conninfo_to_dict(url)}
        return cls(DatabaseURI("postgresql+lms", None, None, None, None, None, address), MIGRATION_TABLE)

    @property
    def connection(self) -> psycopg.Connection:
        return self._connection

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection:
        return connect(dburi)

    def init_connection(self, connection: psycopg.Connection) -> None:
        connection.execute("reset role")
        connection.execute(_SESSION)

    def init_database(self) -> None:
        """Make schema and tables where they are missing: one transaction under the lock, so never half."""
        with _plainly("The records of the migrations (schema lms_migrations) cannot be made"):
            if self._has_records() and not internalmigrations.needs_upgrading(self):
                return
            with self.lock(), self.transaction():
                if not self._value("select to_regnamespace('lms_migrations') is not null"):
                    self.execute("create schema lms_migrations")
                internalmigrations.upgrade(self)
                if not self._has_records():
                    self.execute(_CONTENT_TABLE)

    def ensure_internal_schema_updated(self) -> None:
        """What yoyo calls before it touches its tables. init_database() was there before."""

    def rollback(self) -> None:
        """End yoyo's own transactions; on a lost connection there is nothing to end, and no second error."""
        if not self.connection.closed:
            super().rollback()
        self._in_transaction = False

    def lock(self, timeout: float = LOCK_PATIENCE) -> AbstractContextManager[None]:
        """The lock of migrations, waiting up to `timeout` seconds for others to finish. Nests."""
        return self._lock.hold(timeout)

    def break_lock(self) -> None:
        click.echo(self._lock.describe())

    def to_apply(self, migrations: MigrationList) -> MigrationList:
        self._verify(migrations)
        with _plainly("The migrations cannot be put in order"):
            return super().to_apply(_by_id(migrations))

    def to_rollback(self, migrations: MigrationList) -> MigrationList:
        self._verify(migrations)
        with _plainly("The migrations cannot be put in order"):
            return super().to_rollback(_by_id(migrations))

    def apply_migrations(self, migrations: MigrationList, force: bool = False) -> None:
        self._run("apply", migrations, force=force)

    def rollback_migrations(self, migrations: MigrationList, force: bool = False) -> None:
        self._run("rollback", migrations, force=force)

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        if not mark:
            raise MigrationError(f"{migration.id} would leave no mark that it was applied.")
        self._run("apply", MigrationList([migration]), force=force)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        self._run("rollback", MigrationList([migration]), force=force)

    def mark_migrations(self, migrations: MigrationList) -> None:
        with _plainly("Nothing was marked"), self.lock(), self.transaction():
            for migration in migrations:
                self._record("mark", migration, read_migration(Path(migration.path)))

    def unmark_migrations(self, migrations: MigrationList) -> None:
        with _plainly("Nothing was unmarked"), self.lock(), self.transaction():
            for migration in migrations:
                self._record("unmark", migration, read_migration(Path(migration.path)))

    def applied_at(self, files: dict[str, MigrationFile]) -> dict[str, datetime]:
        """When each applied migration was applied, by id; nothing for a database that was never migrated.

        Raises MigrationError where one of these files is not what was applied.
        """
        with _plainly("The records of the migrations cannot be read"):
            applied = self.connection.execute(_APPLIED).fetchall() if self._has_records() else []
        changed = [each for each, sha256, _ in applied if each in files and files[each].sha256 != sha256]
        if changed:
            raise MigrationError(
                f"Changed after being applied: {', '.join(changed)}. Put the file back as it was, "
                "and write what you want as a new migration. Nothing was done."
            )
        return {each: at for each, _, at in applied}

    def _verify(self, migrations: MigrationList) -> None:
        files = _files_around(migrations)
        missing = self.applied_at(files).keys() - files.keys()
        if files and missing:
            # An older release on a newer schema: no reason to stop, but one to say so.
            logger.warning("Applied here, but not among these files: %s.", ", ".join(sorted(missing)))

    def _check_order(self, direction: Direction, ids: list[str], files: dict[str, MigrationFile]) -> None:
        """Refuse a selection that would apply something without its ground, or take that away."""
        applied = set(self.applied_at(files))
        if direction == "rollback" and (missing := sorted(applied - files.keys())):
            raise MigrationError(
                f"Applied here, but not among these files: {', '.join(missing)}. They may stand on what is "
                "to be rolled back: do it with the release that has them. Nothing was done."
            )
        for each in ids:
            if direction == "apply":
                first = files[each].depends - applied
                applied.add(each)
            else:
                applied.discard(each)
                first = frozenset(other for other in applied if each in files[other].depends)
            if first:
                raise MigrationError(
                    f"The {direction} of {each} comes after that of {', '.join(sorted(first))}"
                )

    def _run(self, direction: Direction, migrations: MigrationList, *, force: bool) -> None:
        """Apply or roll back, in the given order. All refusals come before the first statement."""
        if force:
            raise MigrationError("--force is refused: it would mark as done what has failed.")
        if migrations.post_apply:
            raise MigrationError(f"{migrations.post_apply[0].id} would run every time. Write a migration.")
        if not migrations:
            return
        files = _files_around(migrations)
        for migration in migrations:
            if migration.id not in files:
                raise MigrationError(f"{migration.path} is not SQL. Migrations are plain SQL here.")
            files[migration.id].check()
        with self.lock():
            self._check_order(direction, [migration.id for migration in migrations], files)
            for number, migration in enumerate(migrations, start=1):
                if self.on_progress:
                    self.on_progress(migration.id, number, len(migrations))
                logger.info("%s %s", direction, migration.id)
                self._run_file(direction, migration, files[migration.id])

    def _run_file(self, direction: Direction, migration: Migration, file: MigrationFile) -> None:
        script = file.up if direction == "apply" else file.check()
        run = self._run_in_transaction if file.transactional else self._run_standalone
        tries = Retrying(
            retry=retry_if_exception(_will_pass),
            wait=wait_random_exponential(multiplier=0.25, max=RETRY_PAUSE),
            stop=stop_after_delay(RETRY_PATIENCE),
            before_sleep=lambda state: _say_why_again(script, state),
            reraise=True,
        )
        try:
            tries(run, script, lambda: self._record(direction, migration, file))
        except psycopg.Error as error:
            raise MigrationError(_explain(script, error)) from error

    def _run_in_transaction(self, script: Script, record: Callable[[], None]) -> None:
        with self.connection.transaction():
            self._lock.expect()
            # The last of these is gone once the script has ended the transaction, by whatever means.
            self.connection.execute(
                "select set_config('lock_timeout', %s, true), set_config('search_path', '', true), "
                "set_config('lms_migrations.script', %s, true)",
                [LOCK_TIMEOUT, script.name],
            )
            self.connection.execute(script.sql.encode())
            if self._value("select current_setting('lms_migrations.script', true)") != script.name:
                raise MigrationError(
                    f"{script.name} ended the transaction that was to hold its mark. What it did up to there "
                    "may have stayed: undo that by hand, and take out what ended the transaction."
                )
            self.connection.execute("reset role; set local search_path = lms_migrations")
            record()

    def _run_standalone(self, script: Script, record: Callable[[], None]) -> None:
        """After a crash between any two of these the migration is unmarked, and made to run again."""
        try:
            self.connection.execute(
                "select set_config('lock_timeout', %s, false), set_config('search_path', '', false)",
                [STANDALONE_LOCK_TIMEOUT],
            )
            for statement in script.statements:
                self.connection.execute(statement.encode())
        finally:
            if not self.connection.closed:
                self.init_connection(self.connection)
        with self.connection.transaction():
            self._lock.expect()
            record()

    def _record(self, operation: Operation, migration: Migration, file: MigrationFile) -> None:
        """Mark or unmark, and log it, in the transaction that the caller has open."""
        self.log_migration(migration, operation)
        if operation in {"apply", "mark"}:
            self.mark_one(migration, log=False)
            self.connection.execute(
                "insert into lms_migrations._lms_content (migration_id, sha256) values (%s, %s)",
                [file.id, file.sha256],
            )
        else:
            self.unmark_one(migration, log=False)
            self.connection.execute(
                "delete from lms_migrations._lms_content where migration_id = %s", [file.id]
            )

    def _has_records(self) -> bool:
        return bool(self._value("select to_regclass('lms_migrations._lms_content') is not null"))

    def _value(self, query: str) -> Any:
        row = self.connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def _by_id(migrations: MigrationList) -> MigrationList:
    """By id: yoyo keeps the given order where dependencies allow it, and `reapply` gives it backwards."""
    return migrations.replace(sorted(migrations, key=lambda migration: str(migration.id)))


def _files_around(migrations: MigrationList) -> dict[str, MigrationFile]:
    """All files of the folders that these migrations come from, selected or not."""
    return read_folders({Path(migration.path).parent for migration in migrations})


def _will_pass(error: BaseException) -> bool:
    """Whether another session was in the way: nothing was kept, and the same may succeed in a moment."""
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return True
    # Roles belong to all databases of a server, and another one may be migrating now.
    return isinstance(error, psycopg.errors.InternalError_) and "tuple concurrently" in str(error)


def _say_why_again(script: Script, state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    pause = state.next_action.sleep if state.next_action else 0.0
    logger.warning("%s: %s; trying again in %.1f s.", script.name, str(error).partition("\n")[0], pause)


def _explain(script: Script, error: psycopg.Error) -> str:
    """What the server said, with the line of the file where it knows one."""
    place = script.name
    if position := error.diag.statement_position:
        place += f", line {script.line_of(int(position))}"
    lines = [f"{place}: {error.diag.message_primary or str(error).strip()}"]
    lines += [f"  {text}" for text in (error.diag.message_detail, error.diag.message_hint) if text]
    if _will_pass(error):
        lines.append(f"  Given up after {RETRY_PATIENCE:.0f} s. pg_stat_activity shows who is in the way.")
    if error.diag.message_primary is None:
        lines.append("  The connection was lost; what was not finished is undone. Run the command again.")
    return "\n".join(lines)


@contextmanager
def _plainly(what: str) -> Iterator[None]:
    """Turn what the server or yoyo complains of into one message."""
    try:
        yield
    except psycopg.Error as error:
        raise MigrationError(f"{what}: {error.diag.message_primary or str(error).strip()}") from error
    except BadMigration as error:
        raise MigrationError(f"{what}: {' '.join(map(str, error.args))}") from error
