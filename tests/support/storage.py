"""The two stores of files: a folder, and a bucket of an S3 server (moto's, which speaks the protocol over HTTP)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "school"
PREFIX = "of/tests"


class Place(Protocol):
    """Where a service keeps its files, as its administrator sees it."""

    environment: dict[str, str]
    """What the service is told."""

    def objects(self) -> dict[str, bytes]:
        """All that is there, by name."""

    def unfinished(self) -> list[str]:
        """What interrupted uploads left."""

    def leave_unfinished(self, key: str) -> None:
        """Leave what a SIGKILL would, in the middle of an upload of this object."""


@dataclass
class Folder:
    """A folder."""

    data_dir: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {"LMS_DATA_DIR": str(self.data_dir)}

    def _files(self) -> Iterator[tuple[str, Path]]:
        root = self.data_dir / "files"
        for path in root.rglob("*"):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path

    def objects(self) -> dict[str, bytes]:
        return {name: path.read_bytes() for name, path in self._files() if "#" not in name}

    def unfinished(self) -> list[str]:
        return [name for name, _ in self._files() if "#" in name]

    def leave_unfinished(self, key: str) -> None:
        path = self.data_dir / "files" / f"{key}#1"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")


@dataclass
class Bucket:
    """A bucket, with a prefix before all that is in it."""

    endpoint: str
    name: str
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {**credentials(self.endpoint), "LMS_STORAGE_URL": f"s3://{self.name}/{PREFIX}"}
        self.client.create_bucket(Bucket=self.name)

    @property
    def client(self) -> Any:
        return client(self.endpoint)

    def objects(self) -> dict[str, bytes]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        found = [each for page in pages for each in page.get("Contents", [])]
        assert all(each["Key"].startswith(f"{PREFIX}/") for each in found)
        return {
            each["Key"].removeprefix(f"{PREFIX}/"): self.client.get_object(Bucket=self.name, Key=each["Key"])[
                "Body"
            ].read()
            for each in found
        }

    def unfinished(self) -> list[str]:
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [each["Key"].removeprefix(f"{PREFIX}/") for each in uploads]

    def leave_unfinished(self, key: str) -> None:
        full = f"{PREFIX}/{key}"
        upload = self.client.create_multipart_upload(Bucket=self.name, Key=full)
        self.client.upload_part(
            Bucket=self.name, Key=full, UploadId=upload["UploadId"], PartNumber=1, Body=b"half"
        )


def credentials(endpoint: str) -> dict[str, str]:
    """What everybody reads who speaks to S3."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_REGION": "us-east-1",
    }


def client(endpoint: str) -> Any:
    """An administrator's client of the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="tests",
        aws_secret_access_key="tests",
    )


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server."""
    # Its access log would be a line for each part.
    import logging  # noqa: PLC0415 - for this alone

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = dict(os.environ)
    endpoint = f"http://{host}:{port}"
    os.environ.update(credentials(endpoint))
    try:
        yield endpoint
    finally:
        for name in credentials(endpoint):
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]
        server.stop()
