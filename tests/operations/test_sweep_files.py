"""The sweep: nothing that nobody needs stays, on either side, and nothing that somebody needs goes."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from api.database.errors import RuleError
from api.database.parameters import Actor
from api.database.pool import Database, open_pool
from api.models.files import Stored
from api.operations.sweep_files import sweep
from api.repositories import files, materials
from api.settings import Settings
from api.storage.store import StorageError, Store, key_of, open_store
from tests.cli.support import lms
from tests.conftest import TestDatabase
from tests.http.matrix import token_hash
from tests.support.school import School, found_school, token_for
from tests.support.storage import PREFIX, Bucket, Folder, Place

LECTURER = Actor(token_hash(token_for("lecturer")))
STORED = Stored(1, "text", "New", "new.txt", "text/plain", 4, bytes(32))


@dataclass
class Scene:
    """A school, the store of its files, and what is in both."""

    database: TestDatabase
    school: School
    place: Place
    admin: psycopg.Connection[Any]
    user: str

    def settings(self, **changes: Any) -> Settings:
        url = self.database.server.url(self.database.name, self.user)
        given = {name.removeprefix("LMS_").lower(): value for name, value in self.place.environment.items()}
        given = {name: value for name, value in given.items() if name in Settings.model_fields}
        return Settings(**{"database_url": SecretStr(url), **given, **changes})

    def add(self, state: str, due: str = "-1 second") -> UUID:
        """A file in some state, with its object, or with what an upload under way has of one."""
        stored = ("new.txt", "text/plain", 4, bytes(32)) if state == "stored" else (None,) * 4
        ((file_id,),) = self.admin.execute(
            "insert into lms.files (course_id, state, name, media_type, byte_size, sha256, due_at) "
            "values (%s, %s, %s, %s, %s, %s, now() + %s::interval) returning file_id",
            (self.school.own["course_id"], state, *stored, due),
        ).fetchall()
        if state == "uploading":
            self.place.leave_unfinished(key_of(file_id))
        else:
            self.put(file_id)
        return UUID(str(file_id))

    def put(self, file_id: UUID) -> None:
        if isinstance(self.place, Folder):
            path = self.place.data_dir / "files" / key_of(file_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"text")
        elif isinstance(self.place, Bucket):
            self.place.client.put_object(
                Bucket=self.place.name, Key=f"{PREFIX}/{key_of(file_id)}", Body=b"text"
            )

    def show(self, file_id: UUID) -> None:
        """Put a file on the course."""
        self.admin.execute(
            "insert into lms.materials (course_id, kind, origin, title, file_id) "
            "values (%s, 'text', 'uploaded', 'New', %s)",
            (self.school.own["course_id"], file_id),
        )

    def rows(self) -> set[UUID]:
        # The school's own files are in another store.
        return {file_id for (file_id,) in self.admin.execute(MINE)}

    def there(self) -> tuple[set[UUID], set[UUID], int]:
        """Rows, objects, and how many unfinished uploads there are."""
        objects = {UUID(name.removeprefix("materials/")) for name in self.place.objects()}
        return self.rows(), objects, len(self.place.unfinished())

    def sweep(self, **changes: Any) -> int:
        removed: int = self.run(sweep, **changes)
        return removed

    def run(self, work: Callable[[Database, Store], Any], **changes: Any) -> Any:
        settings = self.settings(**changes)

        async def once() -> Any:
            pool = await open_pool(settings)
            try:
                return await work(pool, open_store(settings))
            finally:
                await pool.close()

        return asyncio.run(once())


MINE = """
    select file_id from lms.files
    where not exists (
        select from lms.materials where materials.file_id = files.file_id and materials.title like 'File of %'
    )
"""


@pytest.fixture(params=["folder", pytest.param("S3", marks=pytest.mark.once)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "folder":
        return Folder(request.getfixturevalue("tmp_path"))
    return Bucket(request.getfixturevalue("s3"), f"bucket-{uuid4()}")


@pytest.fixture
def scene(database: TestDatabase, place: Place) -> Iterator[Scene]:
    school = found_school(database.admin_url)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        yield Scene(database, school, place, admin, "lms_worker")


@pytest.mark.parametrize("user", ["lms_worker", "lms_api", "lms_migrate", "postgres"])
def test_what_nobody_needs_goes_and_what_somebody_needs_stays(scene: Scene, user: str) -> None:
    scene.user = user
    shown = scene.add("stored")
    scene.show(shown)
    under_way = scene.add("uploading", "1 hour")
    scene.add("uploading")
    scene.add("deleting", "1 hour")
    scene.add("stored")
    finished_late = scene.add("uploading")
    scene.put(finished_late)

    assert scene.sweep() == 4
    assert scene.there() == ({shown, under_way}, {shown}, 1)
    assert scene.sweep() == 0


def test_with_a_course_its_files_go(scene: Scene) -> None:
    scene.show(scene.add("stored"))
    scene.add("uploading", "1 hour")
    scene.admin.execute("delete from lms.quiz_attempts")
    scene.admin.execute("delete from lms.student_enrollments")
    scene.admin.execute("delete from lms.courses where course_id = %s", (scene.school.own["course_id"],))
    # The school's own went with its course too.
    assert scene.sweep() == 2
    assert len(scene.rows()) == 1
    scene.admin.execute("update lms.files set due_at = now() - interval '1 second'")
    assert scene.sweep() == 1
    assert scene.there()[1:] == (set(), 0)


def test_a_row_without_anything_in_the_store_goes(scene: Scene) -> None:
    scene.admin.execute("insert into lms.files (due_at) values (now() - interval '1 second')")
    assert scene.sweep() == 1
    assert scene.there() == (set(), set(), 0)


def test_many_go_at_once(scene: Scene) -> None:
    scene.admin.execute(
        "insert into lms.files (state, due_at) select 'deleting', now() from generate_series(1, 130)"
    )
    scene.admin.execute("insert into lms.files (due_at) select now() from generate_series(1, 120)")
    assert scene.sweep() == 250
    assert scene.rows() == set()


def test_two_sweeps_at_once_remove_each_file_once(scene: Scene) -> None:
    for _ in range(20):
        scene.add("uploading")

    async def twice(db: Database, store: Store) -> int:
        return sum(await asyncio.gather(sweep(db, store), sweep(db, store)))

    assert scene.run(twice) == 20
    assert scene.there() == (set(), set(), 0)


def test_an_object_that_cannot_be_removed_keeps_its_row(s3: str, database: TestDatabase) -> None:
    school = found_school(database.admin_url)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        scene = Scene(database, school, Bucket(s3, f"bucket-{uuid4()}"), admin, "lms_worker")
        garbage = scene.add("uploading")
        with pytest.raises(StorageError, match="1 of 1 objects could not be removed"):
            scene.sweep(storage_url="s3://no-such-bucket/of/tests")
        assert scene.there() == ({garbage}, set(), 1)
        assert scene.sweep() == 1
        assert scene.there() == (set(), set(), 0)


# An upload that ends late, and the sweep.


async def finish(db: Database, file_id: UUID) -> None:
    await materials.create_uploaded_material(db, actor=LECTURER, file_id=file_id, stored=STORED)


def test_a_late_upload_that_comes_first_is_stored(scene: Scene) -> None:
    late = scene.add("uploading")
    scene.put(late)

    async def race(db: Any, store: Store) -> int:
        async with db.transaction() as transaction:
            await finish(transaction, late)
            # It sees the row as it was, and does not wait.
            return await sweep(db, store)

    scene.user = "lms_api"
    assert scene.run(race) == 0
    assert scene.there()[:2] == ({late}, {late})
    assert scene.sweep() == 0


def test_a_late_upload_that_comes_second_is_refused(scene: Scene) -> None:
    late = scene.add("uploading")

    async def race(db: Database, _: Store) -> None:
        await files.claim_garbage(db)
        with pytest.raises(RuleError) as refusal:
            await finish(db, late)
        assert refusal.value.answer.status == 408

    scene.user = "lms_api"
    scene.run(race)
    assert scene.sweep() == 1
    assert scene.there() == (set(), set(), 0)


def test_a_sweep_that_looks_first_and_removes_then_loses_a_stored_file(scene: Scene) -> None:
    """The control: what keeps the file above is that the row is marked before its object goes."""
    late = scene.add("uploading")
    scene.put(late)

    async def race(db: Database, _: Store) -> None:
        overdue = scene.admin.execute(
            "select file_id from lms.files where state = 'uploading' and due_at < now()"
        ).fetchall()
        await finish(db, late)
        for (file_id,) in overdue:
            if isinstance(scene.place, Folder):
                (scene.place.data_dir / "files" / key_of(file_id)).unlink()
            elif isinstance(scene.place, Bucket):
                scene.place.client.delete_object(Bucket=scene.place.name, Key=f"{PREFIX}/{key_of(file_id)}")

    scene.user = "lms_api"
    scene.run(race)
    assert scene.there()[:2] == ({late}, set())


def test_the_command_sweeps(scene: Scene) -> None:
    scene.add("uploading")
    url = scene.database.server.url(scene.database.name, "lms_worker")
    told = {**scene.place.environment, "LMS_DATABASE_URL": url}
    assert lms("files", "sweep", **told).stdout == "Files removed: 1.\n"
    assert lms("files", "sweep", **told).stdout == "Nothing to remove.\n"
    assert scene.there() == (set(), set(), 0)


@pytest.mark.once
def test_the_command_says_what_is_in_its_way(s3: str, database: TestDatabase) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("insert into lms.files (due_at) values (now())")
    place = Bucket(s3, f"bucket-{uuid4()}")
    told = {
        **place.environment,
        "LMS_DATABASE_URL": database.admin_url,
        "LMS_STORAGE_URL": "s3://no-such-bucket",
    }
    done = lms("files", "sweep", **told)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: 1 of 1 objects could not be removed; they are tried again the next time."
    )
    assert "Traceback" not in done.stderr
