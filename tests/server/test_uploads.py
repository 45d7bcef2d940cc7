"""Limits hold while a request comes in, whatever it is, and broken forms are said to be broken."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fuzz_server import bomb
from PIL import Image
from starlette.testclient import TestClient

from knownface.server.problems import MEDIA
from knownface.server.uploads import file_name

Start = Callable[..., TestClient]
BOUNDARY = "b"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, content: bytes, file: str = "a.jpg", more: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
    return head.encode() + more.encode() + b"\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def refused(response: Any, status: int, *words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA
    for word in words:
        assert word in response.json()["detail"]


def test_bytes_of_a_photo_and_of_a_request(start: Start, photo: bytes) -> None:
    client = start(megabytes=0.01, request_megabytes=0.1)
    assert len(photo) > 0.01 * 2**20
    refused(client.post("/v1/recognize", files={"photo": photo}), 413, "A photo may have 0.01 MiB")
    body = {"content": photo, "headers": {"Content-Type": "image/jpeg"}}
    refused(client.post("/v1/recognize", **body), 413, "0.01 MiB")  # type: ignore[arg-type]
    many = [("photo", (f"{i}", b"x" * 9000)) for i in range(20)]
    refused(client.post("/v1/recognize", files=many), 413, "Such a request may have")


def test_reading_stops_at_the_limit(start: Start) -> None:
    """A body that says nothing of its size is read no further than it may go."""
    client = start(megabytes=0.01, request_megabytes=0.05)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield part("photo", b"")[:-2]
        while sent < 2**26:
            sent += 4096
            yield b"x" * 4096

    found = client.post("/v1/recognize", content=endless(), headers=FORM)
    assert found.status_code == 413


def test_a_document_is_small(client: TestClient) -> None:
    large = b'{"one": "' + b"x" * 2**21 + b'"}'
    json = {"Content-Type": "application/json"}
    refused(client.post("/v1/never-same", content=large, headers=json), 413)


def test_pixels_faces_and_photos(start: Start, photo: bytes) -> None:
    client = start(megapixels=0.01, photos=2, faces=1)
    refused(client.post("/v1/recognize", files={"photo": photo}), 413, "pixels")
    three = [("photo", ("a", b"x"))] * 3
    refused(client.post("/v1/recognize", files=three), 413, "2 photos")
    two_faces = np.asarray(Image.open(io.BytesIO(photo)))
    file = io.BytesIO()
    Image.fromarray(np.concatenate([two_faces, two_faces], 1)).save(file, "JPEG")
    found = start(faces=1).post("/v1/recognize", files={"photo": file.getvalue()})
    refused(found, 422, "2 faces")


def test_a_bomb_is_not_decoded(client: TestClient) -> None:
    refused(
        client.post("/v1/recognize", files={"photo": bomb(12_000, 12_000)}), 413, "12000 x 12000"
    )
    refused(
        client.post("/v1/recognize", files={"photo": bomb(30_000, 30_000)}), 413, "too many pixels"
    )


def test_memory_of_all_requests(start: Start, photo: bytes) -> None:
    client = start(held_megabytes=0.01)
    found = client.post("/v1/recognize", files={"photo": photo})
    refused(found, 503, "as many photos as it may")
    assert int(found.headers["retry-after"]) > 0
    assert client.get("/v1/people").status_code == 200
    assert "knownface_held_bytes 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("body", [
    b"", b"--b", b"--b\r\n", b"no form at all", part("photo", b"x"), part("photo", b"x") + b"--b",
    b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    b"--b\r\n" + b"X: y\r\n" * 100 + b"\r\n\r\n" + END,
    part("photo", b"x", more="X: " + "y" * 10_000 + "\r\n") + END,
    part("photo", b"x", file="\\..\\..\\x") + part("photo", b"y")[:-20],
    b"--b\r\n\xff\xfe: \x00\r\n\r\nx\r\n" + END,
])  # fmt: skip
def test_broken_forms(client: TestClient, body: bytes) -> None:
    refused(client.post("/v1/recognize", content=body, headers=FORM), 422)


@pytest.mark.parametrize("kind", [
    "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "x" * 999,
    'multipart/form-data; boundary="', "multipart/form-data; boundary=\xff",
])  # fmt: skip
def test_broken_boundaries(client: TestClient, kind: str) -> None:
    found = client.post(
        "/v1/recognize", content=part("photo", b"x") + END,
        headers={"Content-Type": kind.encode("latin-1")},  # type: ignore[dict-item]
    )  # fmt: skip
    refused(found, 422)


def test_too_many_fields_and_a_long_one(client: TestClient) -> None:
    fields = b"".join(part(f"f{i}", b"x") for i in range(200)) + END
    refused(client.post("/v1/recognize", content=fields, headers=FORM), 413, "fields")
    long = part("f", b"x" * 100_000) + END
    refused(client.post("/v1/recognize", content=long, headers=FORM), 413, "too long")


@pytest.mark.parametrize(("given", "name"), [
    ("a.jpg", "a.jpg"), ("../../etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"),
    ("a/", ""), ("x\0y\n", "x\\x00y"), ("\u202egpj.exe", "\\u202egpj.exe"), ("a" * 999, "a" * 120),
])  # fmt: skip
def test_the_name_of_a_photo(given: str, name: str) -> None:
    assert file_name(given) == name
