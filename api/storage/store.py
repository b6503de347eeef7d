"""The object store of uploaded files: a folder, or a bucket of S3.

An object is called after the row of `lms.files` that was there before it, `materials/<file_id>`; nothing that a client
sends is in its name. It comes into being whole or not at all.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from api.settings import Settings

FOLDER: Final = "files"
"""Where in LMS_DATA_DIR the objects lie, unless they are in a bucket."""

_PART: Final = 5 * 1024 * 1024
"""Bytes held in memory for an upload: the least that S3 takes as a part of an object, of which there may be 10,000."""

_READ: Final = 256 * 1024
"""Bytes held in memory for a download."""

_LEFT_OVER_TIMEOUTS: Final = {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 2}}


class StorageError(Exception):
    """The object store is not to be had, in a sentence for whoever runs the service."""


class ObjectMissingError(StorageError):
    """There is no such object, or no longer."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where objects are. One of the two is set."""

    folder: Path | None = None
    bucket: S3Store | None = None

    @property
    def objects(self) -> LocalStore | S3Store:
        """Raises StorageError where the folder cannot be made."""
        if self.bucket is not None:
            return self.bucket
        assert self.folder is not None  # noqa: S101 - as documented above
        with _failures():
            return _folder(self.folder)


def open_store(settings: Settings) -> Store:
    """The store that the settings name. Nothing is made or asked yet.

    Raises:
        StorageError: a bucket is named, and what is needed besides is not installed.
    """
    if settings.storage_url is None:
        return Store(folder=settings.data_dir.expanduser().resolve() / FOLDER)
    if find_spec("boto3") is None:
        raise StorageError(
            "LMS_STORAGE_URL names a bucket: install lms-data-service[s3], without which what an interrupted upload "
            "left there could not be removed."
        )
    endpoint = _endpoint()
    with _failures():
        return Store(
            bucket=S3Store.from_url(
                settings.storage_url,
                client_options={"allow_http": endpoint is not None and endpoint.startswith("http://")},
            )
        )


def check_folder(store: Store) -> str | None:
    """Why the folder of a store cannot be written to, as far as can be told without making it."""
    if store.folder is None:
        return None
    there = next(path for path in (store.folder, *store.folder.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return None
    return (
        f"Files cannot be uploaded, since {there} cannot be written to: let LMS_DATA_DIR name a folder that can, "
        "or LMS_STORAGE_URL a bucket."
    )


def key_of(file_id: UUID) -> str:
    """The name of an object."""
    return f"materials/{file_id}"


async def write(store: Store, file_id: UUID, content: AsyncIterator[bytes], headers: dict[str, str]) -> None:
    """Make an object of all that the iterator gives. If the iterator raises, there is none, and nothing is left.

    Args:
        store: where.
        file_id: whose object it is.
        content: the bytes, in pieces of any size.
        headers: what a bucket is to answer with besides, such as Content-Type.

    Raises:
        StorageError: it cannot be written.
        Exception: whatever the iterator raises.
    """
    with _failures():
        await obstore.put_async(
            store.objects,
            key_of(file_id),
            content,
            # A folder has no place for them.
            attributes=headers if store.bucket is not None else None,
            use_multipart=True,
            chunk_size=_PART,
            max_concurrency=1,
        )
        if store.folder is not None:
            await asyncio.to_thread(_flush, store.folder / key_of(file_id))


async def read(store: Store, file_id: UUID, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of an object from `start` to before `end`, in pieces. It is there, once this has returned.

    Raises:
        ObjectMissingError: there is none.
        StorageError: it cannot be read, now or in the middle.
    """
    with _failures():
        found = await obstore.get_async(store.objects, key_of(file_id), options={"range": (start, end)})
    return _pieces(found)


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    with _failures():
        async for piece in found.stream(min_chunk_size=_READ):
            yield bytes(piece)


async def link(store: Store, file_id: UUID, seconds: int) -> str | None:
    """An address in the bucket that anybody may read an object at for so long; None for a folder."""
    if store.bucket is None:
        return None
    with _failures():
        return await obstore.sign_async(store.bucket, "GET", key_of(file_id), timedelta(seconds=seconds))


async def remove(store: Store, file_id: UUID) -> None:
    """Remove an object, if there is one, and whatever an interrupted upload of it left.

    Raises:
        StorageError: it cannot be removed, or nobody knows.
    """
    with suppress(ObjectMissingError), _failures():
        await obstore.delete_async(store.objects, key_of(file_id))
    with _failures():
        await asyncio.to_thread(_remove_left_over, store, key_of(file_id))


def _remove_left_over(store: Store, key: str) -> None:
    """The file that a folder's object is written to before it gets its name; the parts of a bucket's."""
    if store.folder is not None:
        path = store.folder / key
        for left in path.parent.glob(f"{path.name}#*"):
            left.unlink(missing_ok=True)
        return
    assert store.bucket is not None  # noqa: S101 - as documented above
    bucket = str(store.bucket.config["bucket"])
    full = f"{store.bucket.prefix}/{key}" if store.bucket.prefix else key
    client = _client(_endpoint())
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=full):
        for upload in page.get("Uploads", []):
            # Somebody else may have ended it meanwhile.
            with suppress(client.exceptions.NoSuchUpload):
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


@cache
def _client(endpoint: str | None) -> Any:
    """What can list unfinished uploads, which obstore cannot. It reads the same variables."""
    import boto3  # noqa: PLC0415 - an extra, heavy, and seldom needed
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_url=endpoint,
        # As obstore addresses a bucket.
        config=Config(s3={"addressing_style": "path" if endpoint else "auto"}, **_LEFT_OVER_TIMEOUTS),
    )


def _endpoint() -> str | None:
    """Where the bucket is, if not with Amazon."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@cache
def _folder(folder: Path) -> LocalStore:
    return LocalStore(folder, mkdir=True)


def _flush(path: Path) -> None:
    """Onto the disk, before a row says that it is there: the file, and the folder that names it."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _failures() -> Iterator[None]:
    """What obstore, the file system and boto3 raise, as what this module does."""
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectMissingError(_sentence(error)) from error
    except (BaseError, OSError) as error:
        raise StorageError(_sentence(error)) from error
    except Exception as error:
        # boto3 need not be installed, so its exceptions go by where they come from.
        if type(error).__module__.partition(".")[0] in {"botocore", "boto3"}:
            raise StorageError(_sentence(error)) from error
        raise


def _sentence(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0]
    return f"The object store: {line or type(error).__name__}"
