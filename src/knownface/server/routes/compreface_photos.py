"""CompreFace's questions about photos: who is in one, is it this person, add it to somebody's."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from knownface.recognition.living.records import SeenPhoto
from knownface.server.access import Caller
from knownface.server.compreface import (
    IMAGE,
    MISSING_PART,
    TOO_MANY_FACES,
    Collection,
    Refusal,
    Wish,
    chosen,
    face_document,
    image_id,
    plugins_document,
    similarities,
    subjects_of,
)
from knownface.server.documents import photo_body
from knownface.server.problems import refused_as
from knownface.server.routes.asking import Asked, Managing, Recognising, known
from knownface.server.routes.compreface import Collected, ImageId, foreign_answers
from knownface.server.service import Service
from knownface.server.uploads import Form, read_document, read_form

router = APIRouter(prefix="/api/v1/recognition", tags=["CompreFace"])
Subject = Annotated[str, Query(min_length=1, max_length=100)]
_PHOTO = photo_body(field="file", several=False, body=False, base64=True)
DATA_URL = re.compile(r"^data:[\w/+.-]*;base64,")


async def _wish(
    limit: Annotated[int, Query(ge=0)] = 0,
    prediction_count: Annotated[int, Query(ge=1, le=1000)] = 1,
    det_prob_threshold: Annotated[float, Query(ge=0, le=1)] = 0.0,
    face_plugins: Annotated[str, Query(max_length=200)] = "",
    status: bool = False,
) -> Wish:
    plugins = frozenset(each.strip() for each in face_plugins.split(","))
    return Wish(limit, prediction_count, plugins, det_prob_threshold, status)


Wished = Annotated[Wish, Depends(_wish)]


async def _photo(request: Request, service: Service) -> tuple[bytes, str]:
    """The photo of a request, in a form or as base64 in JSON."""
    if request.headers.get("content-type", "").lower().startswith("application/json"):
        document = await read_document(request)
        text = document.get("file") if isinstance(document, dict) else None
        if not isinstance(text, str):
            raise Refusal(400, "Required part 'file' is not present", MISSING_PART)
        return await asyncio.to_thread(_decoded, text), "photo"
    form: Form = await read_form(request, service.settings, "file")
    if len(form.photos) != 1:
        raise Refusal(400, "Required part 'file' is not present", MISSING_PART)
    return form.photos[0]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(DATA_URL.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "The file is no base64", IMAGE) from None


async def _seen(
    request: Request, service: Service, caller: Caller, wish: Wish, noted: bool = False
) -> tuple[SeenPhoto, list[int]]:
    """The photo of a request, and which of its faces are meant; noted: it counts as recognised."""
    photo = await _photo(request, service)
    look = service.recognize_all if noted else service.look
    seen = (await look([photo], caller.client))[0]
    if seen.recognition.error:
        raise Refusal(400, seen.recognition.error, IMAGE)
    return seen, chosen(seen.faces, wish)


@router.post(
    "/recognize",
    responses=foreign_answers({"result": [{"box": {}, "subjects": []}]}, 415, 429),
    openapi_extra=_PHOTO,
)
async def recognize(
    request: Request, service: Asked, caller: Recognising, wish: Wished
) -> dict[str, Any]:
    """The faces of a photo, and the subjects that each is most like."""
    seen, rows = await _seen(request, service, caller, wish, noted=True)
    result = []
    for row in rows:
        face, answer = seen.faces[row], seen.recognition.faces[row]
        subjects = subjects_of(service.recognizer, answer, face, wish.count)
        result.append(face_document(face, wish) | {"subjects": subjects})
    return {"result": result} | plugins_document(service.recognizer, wish)


@router.post(
    "/faces/{image}/verify",
    responses=foreign_answers({"result": [{"box": {}, "similarity": 0.98}]}, 404, 415, 429),
    openapi_extra=_PHOTO,
)
async def verify(
    image: ImageId, request: Request, service: Asked, collection: Collected, caller: Recognising,
    wish: Wished,
) -> dict[str, Any]:  # fmt: skip
    """How similar the faces of a photo are to an enrolled one."""
    example: Callable[[], Any] = lambda: collection.embedding(collection.find(image))  # noqa: E731
    embedding = await asyncio.to_thread(example)
    seen, rows = await _seen(request, service, caller, wish)
    result = []
    for row in rows:
        face = seen.faces[row]
        similarity = similarities(service.recognizer, face.embedding[None] @ embedding)[0]
        result.append(face_document(face, wish) | {"similarity": round(float(similarity), 5)})
    return {"result": result} | plugins_document(service.recognizer, wish)


@router.post(
    "/faces",
    status_code=201,
    responses=foreign_answers(
        {"image_id": image_id(1), "subject": "Ann"}, 409, 415, 429, success=201
    ),
    openapi_extra=_PHOTO,
)
async def add_face(
    request: Request, service: Asked, collection: Collected, caller: Managing, wish: Wished,
    subject: Subject,
) -> dict[str, str]:  # fmt: skip
    """Add a photo of somebody, that shows one face."""
    seen, rows = await _seen(request, service, caller, wish)
    if len(rows) > 1:
        raise Refusal(400, "Found more than one face in the given image", TOO_MANY_FACES)
    return await asyncio.to_thread(_add, service, collection, caller, subject, seen, rows[0])


def _add(
    service: Service,
    collection: Collection,
    caller: Caller,
    subject: str,
    seen: SeenPhoto,
    row: int,
) -> dict[str, str]:
    """Enroll the face; one that is enrolled as the subject already is answered as it is."""
    face = seen.faces[row]

    def mine() -> set[int]:
        return {each.face for each in collection.read()[1] if each.subject == subject}

    before = mine()
    with refused_as(422):
        try:
            service.gallery.enroll(subject, [face], caller.actor)
        except Exception:
            there = [
                each.id for each in service.gallery.faces(subject) if each.digest == face.digest
            ] if before else []  # fmt: skip
            if not there:
                raise
            return {"image_id": image_id(there[0]), "subject": subject}
    collection.withdraw(subject)
    new = mine() - before
    person = known(service.gallery, subject)
    return {"image_id": image_id(max(new)), "subject": str(person.name)} if new else {}
