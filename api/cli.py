"""The command line: `lms`, or `python -m api`. Here commands are only wired; api/operations does the work.

What a command needs is imported inside it, so that `lms --help` answers at once.
"""
# A backspace in a help text tells click to keep the lines below as they are.
# ruff: noqa: D301, PLC0415

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pydantic import SecretStr

    from api.operations.migrate import MigrationStatus
    from api.settings import Settings

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class _Commands(click.Group):
    """Commands that can be interrupted in order, and that explain an expected failure in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        from api.operations.interrupts import interruptible

        if isinstance(sys.stdout, TextIOWrapper):
            # What cannot be printed, such as half of a surrogate pair, is spelled, as on standard error.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            with interruptible():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
            # click's own, and what it does when `| head` has read enough.
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            # As shells report what a signal ended: 128 + SIGINT.
            raise click.exceptions.Exit(130) from None
        except SystemExit as refusal:
            if not isinstance(refusal.code, str):
                raise
            raise click.ClickException(refusal.code) from refusal
        except Exception as error:
            from api.operations.failures import sentence_for

            sentence = sentence_for(error)
            if sentence is None or ctx.params.get("traceback"):
                raise
            raise click.ClickException(sentence) from error


@click.group(cls=_Commands, context_settings=_HELP)
@click.option("--traceback", is_flag=True, help="Show where an expected failure comes from.")
@click.version_option(package_name="lms-data-service", prog_name="lms")
def main(*, traceback: bool) -> None:
    """The LMS data service: courses, materials, enrolments and accounts in PostgreSQL, served over HTTP.

    \b
    Try it; PostgreSQL, demo data and all come up:
        lms up
    Run it on a PostgreSQL of yours:
        export LMS_MIGRATION_URL=postgresql://postgres@localhost:5432/lms
        export LMS_DATABASE_URL=postgresql://lms_api:secret@localhost:5432/lms
        export LMS_WORKER_URL=postgresql://lms_worker:secret@localhost:5432/lms
        lms migrate
        lms roles
        lms users add adler@example.edu --name "Miriam Adler" --role super_admin
        lms serve --workers 2
        lms worker

    Settings are environment variables; `lms config` lists them. Without any, commands work on the PostgreSQL
    that `lms up` keeps in its data directory.
    """


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Where the data lie; LMS_DATA_DIR by default."
)
@click.option("--no-demo", is_flag=True, help="Without the demo school.")
def up(*, host: str, port: int, data_dir: Path | None, no_demo: bool) -> None:
    """Bring everything up: PostgreSQL, schema, demo school, service, worker.

    Uses the server of LMS_DATABASE_URL if that is set, and else starts one of its own, without installation,
    whose data it finds again the next time. Mails are files in the data directory, unless LMS_SMTP_HOST names
    a mail server. Ctrl-C stops all of it. Demo accounts have a well-known password,
    so they are never served to other machines.

    \b
    Examples:
        lms up
        lms up --port 8080 --data-dir ~/school
        lms up --host 0.0.0.0 --no-demo --data-dir ~/real-school
        LMS_DATABASE_URL=postgresql://localhost:5432/lms lms up
    """
    from api.operations.up import up as run

    settings = _settings()
    run(settings, host=host, port=port, directory=data_dir or settings.data_dir, demo=not no_demo)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that answer requests.",
)
def serve(*, host: str, port: int, workers: int) -> None:
    """Serve the database of LMS_DATABASE_URL. Never migrates.

    Refuses to run as an owner or a superuser: LMS_DATABASE_URL names lms_api. SIGTERM lets requests under way
    finish, for 30 seconds at most.

    \b
    Examples:
        lms serve
        lms serve --host 0.0.0.0 --port 8080 --workers 4
    """
    settings = _settings()
    settings.require_database_url()
    from api.operations.serve import listening, serve_workers, url_of

    with listening(host, port) as listener:
        click.echo(f"Listening at {url_of(listener)}.", err=True)
        serve_workers(settings, listener, workers=workers)


@main.command()
def worker() -> None:
    """Send the mails that wait in the database of LMS_WORKER_URL, until told to stop.

    It also hands in attempts at quizzes that are overdue, grades again what was asked for after a key was
    corrected, and removes the files that nobody needs.

    The mails go to the mail server that LMS_SMTP_HOST names; without one they are files in the folder `mail` of
    LMS_DATA_DIR. Each is sent at least once, under a Message-ID that stays the same, and tried 12 times while the
    server says "not now". Several workers may run. Refuses to run as an owner or a superuser: LMS_WORKER_URL
    names lms_worker, on the server itself and not through a pooler. SIGTERM lets mails under way finish, for
    LMS_SMTP_TIMEOUT at most, and 10 seconds more where the database says nothing.

    \b
    Examples:
        lms worker
        LMS_SMTP_HOST=smtp.school.example LMS_MAIL_FROM='LMS <lms@school.example>' \\
            LMS_PUBLIC_URL=https://lms.school.example lms worker
    """
    settings = _settings()
    settings.require_worker_url()
    from api.operations.worker import work

    work(settings)


@main.command()
@click.option("--to", metavar="ID", help="Apply this one and what it depends on, and nothing else.")
@click.option("--down", metavar="ID", help="Roll back this one and everything that depends on it.")
@click.option("--status", is_flag=True, help="Show what is applied, and change nothing.")
def migrate(*, to: str | None, down: str | None, status: bool) -> None:
    """Bring the schema up to date, or back.

    Works as LMS_MIGRATION_URL. The first time that is an administrator, since roles are made. An ID may be
    shortened, as to its number.

    \b
    Examples:
        lms migrate
        lms migrate --status
        lms migrate --to 0004
        lms migrate --down 0007_create_courses
    """
    if sum(map(bool, (to, down, status))) > 1:
        raise click.UsageError("Give one of --to, --down and --status.")
    from api.operations import migrate as migrations
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table

    with owner_address(_settings()) as url:
        if status:
            table(
                ("migration", "applied"),
                ((each.id, _applied(each)) for each in migrations.status(url)),
            )
            return
        with progress() as step:
            done = (
                migrations.apply(url, to=to, on_progress=step)
                if down is None
                else migrations.roll_back(url, down_to=down, on_progress=step)
            )
    what = "Applied" if down is None else "Rolled back"
    click.echo(f"{what}: {', '.join(done)}." if done else "Nothing to do.")


@main.command()
@click.option("--admin", metavar="URL", help="Whom to do it as; LMS_MIGRATION_URL by default.")
@click.option("--api-password", metavar="TEXT", help="For lms_api, where LMS_DATABASE_URL does not say it.")
@click.option(
    "--worker-password", metavar="TEXT", help="For lms_worker, where LMS_WORKER_URL does not say it."
)
@click.option("--migrate-password", metavar="TEXT", help="For lms_migrate, where LMS_MIGRATION_URL does not.")
@click.option(
    "--environment",
    type=click.Choice(["production", "staging", "development"]),
    help="Record what the database is for; production refuses demo data.",
)
def roles(
    *,
    admin: str | None,
    api_password: str | None,
    worker_password: str | None,
    migrate_password: str | None,
    environment: str | None,
) -> None:
    """Let lms_api, lms_worker and lms_migrate log in.

    The migrations make these roles without a login. Their passwords are those in LMS_DATABASE_URL,
    LMS_WORKER_URL and LMS_MIGRATION_URL where these name them, or are asked for on a terminal: others can see
    what stands on a command line. A role without a password can log in where pg_hba.conf lets it. They reach the server
    hashed. Doing it again changes nothing.

    \b
    Examples:
        lms roles
        lms roles --admin postgresql://postgres@localhost:5432/lms
        lms roles --environment production
    """
    from contextlib import nullcontext

    from api.database.roles import MIGRATION_ROLE, SERVICE_ROLE, WORKER_ROLE
    from api.operations.roles import Environment, give_login, set_environment
    from api.operations.targets import owner_address

    settings = _settings()
    passwords = {
        SERVICE_ROLE: api_password or _password_in(settings.database_url, SERVICE_ROLE),
        WORKER_ROLE: worker_password or _password_in(settings.worker_url, WORKER_ROLE),
        MIGRATION_ROLE: migrate_password or _password_in(settings.migration_url, MIGRATION_ROLE),
    }
    with nullcontext(admin) if admin else owner_address(settings) as url:
        for role, known in passwords.items():
            password = known or _asked_password(role)
            give_login(url, role, password)
            click.echo(f"{role} can log in{'' if password else ', its password unchanged'}.")
        if environment is not None:
            database = set_environment(url, Environment(environment))
            click.echo(f"The database {database} is for {environment}.")


@main.group()
def seed() -> None:
    """Fill the database with made-up data."""


@seed.command("demo")
@click.option("--force", is_flag=True, help="Even where the database is for production.")
def seed_demo(*, force: bool) -> None:
    """Set up the demo school: 24 accounts, 2 terms, 6 courses with syllabi and materials, 89 enrolments.

    Three courses have 9 quizzes and 34 attempts at them, of which some are under way and some wait for a person.
    What is there already stays as it is. Refused where `lms roles --environment production` was said.

    \b
    Example:
        lms seed demo
    """
    from api.operations.targets import owner_address
    from api.operations.terminal import progress
    from seeds.setup_demo import DEMO_PASSWORD
    from seeds.setup_demo import seed as set_up

    with owner_address(_settings()) as url, progress() as step:
        set_up(url, force=force, on_progress=step)
    click.echo(f"The demo school is set up. Everybody's password is {DEMO_PASSWORD}.")


@main.group()
def users() -> None:
    """Make accounts, and let people back in."""


@users.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The name as the person writes it.")
@click.option(
    "--role",
    type=click.Choice(["student", "lecturer", "super_admin"]),
    default="student",
    show_default=True,
)
def users_add(*, email: str, name: str, role: str) -> None:
    """Make an account for EMAIL: the first administrator of a school, say.

    Asks for a password on a terminal, and reads one line where there is none. Without a password nobody can log
    in to the account yet.

    \b
    Examples:
        lms users add adler@example.edu --name "Miriam Adler" --role super_admin
        lms users add vogel@example.edu --name "Lena Vogel" < /dev/null
    """
    from api.operations.accounts import add_account
    from api.operations.targets import owner_address

    password = _new_password()
    with owner_address(_settings()) as url:
        address = add_account(url, email=email, full_name=name, role=role, password=password)
    click.echo(f"{address} can log in." if password else f"{address} has an account without a password.")


@users.command("password")
@click.argument("email")
def users_password(*, email: str) -> None:
    """Give the account of EMAIL another password, and end its sessions.

    Asks for it on a terminal, and reads one line where there is none.

    \b
    Example:
        lms users password adler@example.edu
    """
    from api.operations.accounts import set_password
    from api.operations.targets import owner_address

    password = _new_password()
    if password is None:
        raise click.UsageError("Give a password: on the terminal, or as one line on standard input.")
    with owner_address(_settings()) as url:
        address = set_password(url, email=email, password=password)
    click.echo(f"{address} has a new password.")


@main.group()
def mail() -> None:
    """Look at the mails, and send those again that came to nothing."""


@mail.command("list")
@click.option(
    "--state", type=click.Choice(["queued", "sent", "bounced", "given_up"]), help="Those in this state alone."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
def mail_list(*, state: str | None, limit: int) -> None:
    """List the latest mails: to whom, how they fare, and what the mail server said.

    queued: it waits, or is being sent. sent: a mail server took it. bounced: one refused it for good. given_up:
    12 attempts failed. Mails are forgotten 90 days after they were settled.

    \b
    Examples:
        lms mail list
        lms mail list --state bounced --limit 100
    """
    from api.operations.mail.dead_letters import list_mails
    from api.operations.targets import owner_address
    from api.operations.terminal import table

    with owner_address(_settings()) as url:
        found = list_mails(url, state=state, limit=limit)
    table(
        ("id", "kind", "to", "state", "attempts", "queued (UTC)", "next", "reply"),
        (
            (
                str(each.delivery_id),
                each.kind,
                each.email,
                each.state,
                str(each.attempts),
                _utc(each.queued_at),
                _utc(each.next_attempt_at),
                each.reply or "",
            )
            for each in found
        ),
    )


@mail.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.UUID)
@click.option("--all-dead", is_flag=True, help="All that bounced or were given up.")
def mail_retry(*, ids: "tuple[UUID, ...]", all_dead: bool) -> None:
    """Queue mails again that bounced or were given up, as if they had never been tried.

    Mend first what was wrong: an address with PATCH /users, say. Exits with 1 if an ID is not that of a dead
    mail; the others are queued all the same.

    \b
    Examples:
        lms mail retry 01a203f3-e831-74ed-949d-a81d58a5d5d3
        lms mail retry --all-dead
    """
    if bool(ids) == all_dead:
        raise click.UsageError("Give the IDs of mails, or --all-dead.")
    from api.operations.mail.dead_letters import retry_mails
    from api.operations.targets import owner_address

    with owner_address(_settings()) as url:
        retried = retry_mails(url, None if all_dead else ids)
    click.echo(f"Queued again: {len(retried)}.")
    if missed := [str(each) for each in ids if each not in retried]:
        raise click.ClickException(
            f"Neither bounced nor given up: {', '.join(missed)}. `lms mail list` shows what there is."
        )


@seed.command("volume")
@click.option("--seed", "number", type=int, default=1, show_default=True, help="Another one, another school.")
@click.option("--students", type=int, default=10_000, show_default=True, help="The figure that decides.")
@click.option("--lecturers", type=int, help="One for 50 students by default.")
@click.option("--courses", type=int, help="In all terms; one for 3 students by default.")
@click.option(
    "--terms", type=int, default=6, show_default=True, help="Half-years; the last one is under way."
)
@click.option("--weeks", type=int, default=14, show_default=True, help="Of each course.")
@click.option("--materials", type=int, default=12, show_default=True, help="Of a course, on average.")
@click.option("--force", is_flag=True, help="Even where the database is for production.")
def seed_volume(*, number: int, force: bool, **wanted: int | None) -> None:
    """Make up a school of any size: accounts, courses, materials, enrolments and their audit events.

    The same figures give the same rows, in every byte, on every machine and on any day. Courses are as uneven as
    real ones: many have a handful of students, a few have thousands. Nobody can log in; the addresses are in
    volume.example. With 10,000 students there are about 155,000 enrolments and 280,000 audit events; ten times
    as many students take ten times as long.

    All of it is there or, if anything fails or is interrupted, nothing. A database that has a school of this seed
    refuses another of the same seed, whatever its size, and takes one of another seed. Refused where
    `lms roles --environment production` was said.

    \b
    Examples:
        lms seed volume
        lms seed volume --students 100000
        lms seed volume --seed 2 --students 500 --courses 20 --materials 100
    """
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table
    from seeds.volume.figures import figures
    from seeds.volume.load import seed as fill

    given = {name: value for name, value in wanted.items() if value is not None}
    school = figures(seed=number, **given)
    with owner_address(_settings()) as url, progress() as step:
        loaded = fill(url, school, force=force, on_progress=step)
    table(
        ("table", "rows", "seconds", "rows/s"),
        (
            (each.table, f"{each.rows:,}", f"{each.seconds:.1f}", f"{each.rows / each.seconds:,.0f}")
            for each in loaded
        ),
    )
    rows, seconds = sum(each.rows for each in loaded), sum(each.seconds for each in loaded)
    click.echo(f"{rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} rows/s.")


@main.group("import")
def import_() -> None:
    """Bring in data from files."""


@import_.command("courses")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--lecturer", metavar="EMAIL", help="Who teaches what is new; somebody who has an account.")
@click.option("--term", metavar="CODE", help="The term of what is new; one is made if this is left out.")
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The questions of quizzes, if they are not in DIRECTORY.",
)
def import_courses(
    *, directory: Path, lecturer: str | None, term: str | None, questions: Path | None
) -> None:
    """Import the courses in DIRECTORY with their weeks, materials and quizzes.

    DIRECTORY holds courses.json, materials.jsonl if there are materials, and questions.jsonl if there are quizzes,
    which become drafts. What cannot be imported is listed by file and place, and the rest is imported. Doing it
    again changes nothing that is the same, and no quiz that has questions. Exits with 1 if nothing was there to
    import.

    \b
    Examples:
        lms import courses data/courses
        lms import courses data/courses --lecturer lecturer1@example.edu --term 2026-AUTUMN
        lms import courses data/courses --questions data/quizzes/questions.jsonl
    """
    from api.operations.import_courses import import_courses as run
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table

    with owner_address(_settings()) as url, progress() as step:
        report = run(
            url,
            directory,
            lecturer_email=lecturer,
            term_code=term,
            questions_path=questions,
            on_progress=step,
        )
    click.echo(f"Imported: {_counted(report.imported)}.")
    click.echo(f"Unchanged: {_counted(report.unchanged)}.")
    click.echo(f"New courses are taught by {report.lecturer}, in the term {report.term}.")
    for what, how_much in report.left_out.items():
        click.echo(f"Left out: {what} ({how_much}).")
    click.echo(f"Refused: {len(report.refused)}.")
    if report.refused:
        table(("file", "place", "reason"), ((each.file, each.place, each.reason) for each in report.refused))
    if not report.imported and not report.unchanged:
        raise click.exceptions.Exit(1)


@import_.command("oulad")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_oulad(*, directory: Path) -> None:
    """Import the Open University Learning Analytics Dataset in DIRECTORY: courses, students, assessments, results.

    Presentations become closed courses with a lecturer each, registrations enrolments that are completed, or
    dropped if they were withdrawn. Addresses end in @oulad.example, and nobody can log in until a password is
    set. Gender, region, education, deprivation, age and disability are not stored; the click stream is left out.

    Assessments become closed quizzes of 100 points in the week they were due, exams in none; results become
    graded attempts, also those that are banked, late, from before the registration or after the student left, and
    how many of each is told. Without a score they stay submitted and ungraded, without a registration they are
    refused. What a student has mastered is computed from them.

    Lines that cannot be imported are listed, and the rest is imported; a damaged file imports nothing. Doing
    it again adds what is new in the files, and changes nothing. Exits with 1 if nothing was there to import.

    \b
    Example:
        lms import oulad data/oulad
    """
    from api.operations.import_oulad import import_oulad as run
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table

    with owner_address(_settings()) as url, progress() as step:
        report = run(url, directory, on_progress=step)
    click.echo(f"Imported: {_counted(report.imported)}.")
    click.echo(f"Unchanged: {_counted(report.unchanged)}.")
    if report.peculiar:
        click.echo(f"Of the results: {_counted(report.peculiar)}.")
    for what, how_much in report.left_out.items():
        click.echo(f"Left out: {what} ({how_much}).")
    click.echo(f"Refused: {len(report.refused)}.")
    if report.refused:
        table(
            ("file", "line", "column", "reason"),
            ((each.file, str(each.line), each.field, each.reason) for each in report.refused),
        )
    if not report.imported and not report.unchanged:
        raise click.exceptions.Exit(1)


@main.group()
def files() -> None:
    """Look after the files that were uploaded."""


@files.command("sweep")
def files_sweep() -> None:
    """Remove what nobody needs: uploads that broke off or took too long, and files of materials that are gone.

    They are found by their rows, in the folder or the bucket that LMS_DATA_DIR and LMS_STORAGE_URL name: give it the
    settings of the service. What is stored and shown stays. It may be done at any time, while the service runs, and as
    often as one likes. Works as LMS_MIGRATION_URL, or else as LMS_DATABASE_URL, which may name lms_worker.

    \b
    Examples:
        lms files sweep
        LMS_STORAGE_URL=s3://bucket/school lms files sweep
    """
    from api.operations.sweep_files import sweep_now
    from api.operations.targets import owner_address
    from api.operations.terminal import progress

    settings = _settings()
    with owner_address(settings) as url, progress() as step:
        removed = sweep_now(settings, url, on_progress=step)
    click.echo(f"Files removed: {removed}." if removed else "Nothing to remove.")


@main.group()
def performance() -> None:
    """Prove what students have mastered against their attempts, and mend it."""


@performance.command("verify")
@click.option("--course", "code", metavar="CODE", help="This course alone.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="Rows to name; all are counted.",
)
def performance_verify(*, code: str | None, limit: int) -> None:
    """Compare topic performance with a recomputation from the attempts. Changes nothing.

    What a student has mastered in a week is kept in lms.topic_performance, as it is graded. Here it is computed
    anew, course by course, and every row that differs is named: what is kept, and what the attempts come to. It
    may be done while the service runs. Exits with 1 if anything differs; `lms performance rebuild` mends it.

    \b
    Examples:
        lms performance verify
        lms performance verify --course CS101-2026 --limit 100
    """
    from api.operations.performance import verify
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table

    with owner_address(_settings()) as url, progress() as step:
        found = verify(url, code=code, most=limit, on_progress=step)
    if found.differing:
        table(
            ("course", "week", "student", "kept", "from the attempts"),
            (
                (
                    course.code,
                    str(each.week_number),
                    str(each.student_id),
                    _scores(each.kept),
                    _scores(each.computed),
                )
                for course, each in found.listed
            ),
        )
        raise click.ClickException(
            f"{found.differing} rows are not what the attempts come to, in {found.courses} courses looked at. "
            "`lms performance rebuild` mends them."
        )
    click.echo(f"Courses that are as their attempts have them: {found.courses}.")


@performance.command("rebuild")
@click.option("--course", "code", metavar="CODE", help="This course alone.")
def performance_rebuild(*, code: str | None) -> None:
    """Compute topic performance anew from the attempts, course by course.

    Each course is one transaction. What was interrupted can be started again, and what is right already is not
    written. It may be done while the service runs: who is graded meanwhile on the same course waits for it.

    \b
    Examples:
        lms performance rebuild
        lms performance rebuild --course CS101-2026
    """
    from api.operations.performance import rebuild
    from api.operations.targets import owner_address
    from api.operations.terminal import progress, table

    with owner_address(_settings()) as url, progress() as step:
        changed = rebuild(url, code=code, on_progress=step)
    if changed:
        table(("course", "rows"), ((name, str(rows)) for name, rows in changed.items()))
    click.echo(f"Rows mended: {sum(changed.values())}.")


def _scores(row: "dict[str, Any] | None") -> str:
    """A row of topic performance, or that there is none."""
    if row is None:
        return "no row"
    return (
        f"{row['mastery']}, {row['attempts']} attempts, best {row['best_score']}, "
        f"last {row['last_score']}, average {row['average_score']}"
    )


@main.group()
def sql() -> None:
    """Look at the statements that the service can send, and prove them."""


@sql.command("check")
def sql_check() -> None:
    """Compare every file in sql/ with what PostgreSQL says about it.

    Each is prepared on a migrated database: that of LMS_MIGRATION_URL, or else a fresh one that is thrown
    away. Exits with 1 if anything is found.

    \b
    Example:
        lms sql check
    """
    import asyncio

    from api.operations.targets import migrated_address
    from api.review.check import check

    with migrated_address(_settings()) as url:
        findings = asyncio.run(check(url))
    for finding in findings:
        click.echo(finding)
    if findings:
        raise click.ClickException(f"{len(findings)} to mend in sql/.")
    click.echo("Every query file is what it says.")


@sql.command("list")
def sql_list() -> None:
    """List the query files: name, result, purpose.

    \b
    Example:
        lms sql list | grep courses/
    """
    from api.database.queries import load_queries
    from api.operations.terminal import table

    table(
        ("name", "result", "purpose"),
        (
            (query.name, " ".join(filter(None, (query.kind, query.model))), " ".join(query.purpose.split()))
            for query in load_queries().values()
        ),
    )


@main.command()
def config() -> None:
    """Show every setting: the value in effect, where it comes from, and what it means.

    Settings are environment variables. Passwords are not shown.

    \b
    Example:
        LMS_DATABASE_POOL_SIZE=20 lms config
    """
    import os
    import textwrap

    from api.operations.configuration import settings_in_effect, unknown_variables

    for setting in settings_in_effect(_settings(), os.environ):
        click.secho(f"{setting.variable} = {setting.value}", bold=True, nl=False)
        click.echo(f"  ({setting.source})")
        click.echo(textwrap.indent(textwrap.fill(setting.description, 100), "    "))
    for warning in unknown_variables(os.environ):
        click.echo(warning, err=True)


def _settings() -> "Settings":
    from api.settings import Settings

    return Settings()


def _applied(migration: "MigrationStatus") -> str:
    if migration.applied_at is None:
        return "no"
    when = f"{migration.applied_at:%Y-%m-%d %H:%M:%S} UTC"
    return when if migration.on_disk else f"{when}, by a newer release: it is not among the files here"


def _utc(when: "datetime | None") -> str:
    from datetime import UTC

    return "" if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _counted(rows_by_table: "dict[str, int]") -> str:
    return ", ".join(f"{table} {rows}" for table, rows in rows_by_table.items()) or "nothing"


def _password_in(url: "SecretStr | None", role: str) -> str | None:
    """The password in an address that names this role."""
    from api.database.addresses import password_of, user_of

    address = None if url is None else url.get_secret_value()
    return password_of(address) if address is not None and user_of(address) == role else None


def _asked_password(role: str) -> str | None:
    """A password typed on the terminal; None where there is none, or nothing was typed."""
    if not sys.stdin.isatty():
        return None
    typed: str = click.prompt(
        f"Password for {role} (empty: as it is)", default="", hide_input=True, show_default=False
    )
    return typed or None


def _new_password() -> str | None:
    """A password from the terminal, typed twice, or a line of standard input; None where it is empty."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            "Password (empty: none)",
            default="",
            hide_input=True,
            show_default=False,
            confirmation_prompt="Once more",
        )
        return typed or None
    return sys.stdin.readline().rstrip("\r\n") or None
