"""Photos that come with a request, read as they arrive, and never more of them than allowed.

They stay in memory: no part of a photo is written to a disk on its way.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from knownface.server.problems import Problem
from knownface.server.settings import Settings
from knownface.visible import visible

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD_BYTES = 2**14  # of one field that is no photo
FIELDS = 64  # parts of a form that are no photos
HEADERS, HEADER_BYTES = 8, 4096  # of a part
FORM = "multipart/form-data"
PHOTO_TYPES = ("image/", "application/octet-stream")
LONGEST_NAME = 120


@dataclass
class Form:
    """What was sent: photos, each with its name, and the other fields."""

    photos: list[tuple[bytes, str]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


async def read_form(request: Request, settings: Settings, *names: str) -> Form:
    """The photos of a multipart form, in fields of these names, or the one that is the body.

    Raises Problem: 413 at the first byte too many, 415 for another content, 422 where the form is
    broken.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == FORM.encode():
        return await _read_parts(request, settings, options.get(b"boundary", b""), names)
    if kind.decode("latin-1").startswith(PHOTO_TYPES):
        return Form([(await _read_body(request, settings), "photo")])
    raise Problem(
        415, "Send a photo as multipart/form-data, in the field "
        f"`{names[0]}`, or as the body with a Content-Type such as image/jpeg"
    )  # fmt: skip


async def read_document(request: Request) -> Any:
    """The JSON of a body. Raises Problem 415 for another content, 422 where it is broken."""
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"application/json":
        raise Problem(415, "Send application/json")
    body = await request.body()
    try:
        return await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise Problem(422, "The body is no JSON") from None


async def _read_body(request: Request, settings: Settings) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.photo_bytes:
            raise too_large(settings)
    return bytes(body)


async def _read_parts(
    request: Request, settings: Settings, boundary: bytes, names: tuple[str, ...]
) -> Form:
    parts = _Parts(settings, names)
    try:
        parser = MultipartParser(
            boundary, parts.callbacks(), max_header_count=HEADERS, max_header_size=HEADER_BYTES
        )
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Problem(422, f"The form is broken: {visible(str(error))[:200]}") from None
    if not parts.complete:
        raise Problem(422, "The form ends too early; send it again")
    return parts.form


def too_large(settings: Settings) -> Problem:
    return Problem(413, f"A photo may have {settings.megabytes:g} MiB; send a smaller one")


class _Parts:
    """Takes a form apart as it comes."""

    def __init__(self, settings: Settings, names: tuple[str, ...]) -> None:
        self.form, self.complete = Form(), False
        self._settings, self._names = settings, names
        self._header = [bytearray(), bytearray()]
        self._about: dict[bytes, bytes] = {}
        self._name, self._file, self._most = "", "", 0
        self._content = bytearray()
        self._parts = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin, "on_header_field": self._header_field,
            "on_header_value": self._header_value, "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end, "on_part_data": self._data,
            "on_part_end": self._end, "on_end": self._finish,
        }  # fmt: skip

    def _begin(self) -> None:
        self._about, self._content = {}, bytearray()
        self._parts += 1
        if self._parts > FIELDS + self._settings.photos:
            raise Problem(413, f"A form may have {FIELDS} fields besides photos")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        self._about[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._about.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._file = file_name(options.get(b"filename", b"").decode("utf-8", "replace"))
        is_photo = self._name in self._names
        if is_photo and len(self.form.photos) == self._settings.photos:
            raise Problem(413, f"A request may have {self._settings.photos} photos; send fewer")
        self._most = self._settings.photo_bytes if is_photo else FIELD_BYTES

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if len(self._content) > self._most:
            if self._name in self._names:
                raise too_large(self._settings)
            wanted = " or ".join(map(repr, sorted(self._names)))
            raise Problem(
                413, f"The field {visible(self._name)[:40]!r} is too long; a photo belongs in the "
                f"field {wanted}",
            )  # fmt: skip

    def _end(self) -> None:
        if self._name in self._names:
            number = len(self.form.photos) + 1
            self.form.photos.append((bytes(self._content), self._file or f"photo {number}"))
        else:
            self.form.fields[self._name] = self._content.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.complete = True


def file_name(given: str) -> str:
    """What a client calls a photo, without any folder, in one visible line."""
    return visible(given.replace("\\", "/").split("/")[-1].strip())[:LONGEST_NAME]
