"""CompreFace's recognition service, answered from the same gallery."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from knownface.recognition.living import SeenPhoto
from knownface.server.access import Caller
from knownface.server.compreface import (
    IMAGE,
    MISSING_PART,
    NO_SUBJECT,
    SUBJECT_THERE,
    TOO_MANY_FACES,
    Collection,
    Refusal,
    Wish,
    chosen,
    face_document,
    image_id,
    page,
    plugins_document,
    similarities,
    subjects_of,
)
from knownface.server.documents import Named, answers, photo_body
from knownface.server.problems import refused_as
from knownface.server.routes.asking import Asked, Managing, Recognising, known
from knownface.server.service import Service
from knownface.server.uploads import Form, read_document, read_form

router = APIRouter(prefix="/api/v1/recognition", tags=["CompreFace"])
Subject = Annotated[str, Query(min_length=1, max_length=100)]
ImageId = Annotated[str, Path(max_length=60)]
_PHOTO = photo_body(field="file", several=False, body=False, base64=True)
DATA_URL = re.compile(r"^data:[\w/+.-]*;base64,")


async def _collection(service: Asked) -> Collection:
    return service.collection


Collected = Annotated[Collection, Depends(_collection)]


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


# ---------------------------------------------------------------- photos
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
    responses=answers({"result": [{"box": {}, "subjects": []}]}, 415, 429),
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


# ---------------------------------------------------------------- subjects
@router.get("/subjects", responses=answers({"subjects": ["Ann", "Bob"]}))
@router.get("/subjects/", include_in_schema=False)
def subjects(collection: Collected, caller: Recognising) -> dict[str, Any]:
    """All names."""
    return {"subjects": collection.subjects}


@router.post("/subjects", status_code=201, responses=answers({"subject": "Ann"}, success=201))
def add_subject(
    collection: Collected, caller: Managing, asked: Annotated[Named, Body()]
) -> dict[str, str]:
    """Announce somebody who has no photo yet."""
    if asked.subject in collection.subjects:
        raise Refusal(400, "Subject already exists", SUBJECT_THERE)
    collection.announce(asked.subject)
    return {"subject": asked.subject}


@router.put("/subjects/{subject}", responses=answers({"updated": "true"}, 404, 409))
def rename_subject(
    subject: str, service: Asked, collection: Collected, caller: Managing, asked: Named
) -> dict[str, str]:
    """Rename somebody; if the new name is somebody's, the two are merged."""
    gallery, new = service.gallery, asked.subject
    announced = collection.withdraw(subject)
    if collection.has_photos(subject):
        with refused_as(409):
            if collection.has_photos(new) and new != subject:
                gallery.merge(subject, new, caller.actor)
            else:
                gallery.rename(subject, new, caller.actor)
    elif announced:
        collection.announce(new)
    else:
        raise Refusal(404, f"Subject {subject:.60} not found", NO_SUBJECT)
    collection.withdraw(new)
    return {"updated": "true"}


@router.delete("/subjects/{subject}", responses=answers({"subject": "Ann"}, 404))
def delete_subject(
    subject: str, service: Asked, collection: Collected, caller: Managing
) -> dict[str, str]:
    """Forget somebody."""
    announced = collection.withdraw(subject)
    if collection.has_photos(subject):
        service.forget(known(service.gallery, subject).id, caller.actor)
    elif not announced:
        raise Refusal(404, f"Subject {subject:.60} not found", NO_SUBJECT)
    return {"subject": subject}


@router.delete("/subjects", responses=answers({"deleted": 2}))
def delete_subjects(service: Asked, collection: Collected, caller: Managing) -> dict[str, int]:
    """Forget everybody."""
    names = collection.subjects
    for name in names:
        collection.withdraw(name)
        if collection.has_photos(name):
            service.forget(known(service.gallery, name).id, caller.actor)
    return {"deleted": len(names)}


# ---------------------------------------------------------------- examples
@router.post(
    "/faces",
    status_code=201,
    responses=answers({"image_id": image_id(1), "subject": "Ann"}, 409, 415, 429, success=201),
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


@router.get("/faces", responses=answers(page([], 0, 20)))
def faces(
    collection: Collected, caller: Managing,
    page_number: Annotated[int, Query(alias="page", ge=0, le=10**9)] = 0,
    size: Annotated[int, Query(ge=1, le=10_000)] = 20,
    subject: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:  # fmt: skip
    """The enrolled faces, of one subject or of all, page by page."""
    found = collection.read()[1]
    if subject:
        found = [each for each in found if each.subject == subject]
    return page(found, page_number, size)


@router.delete("/faces", responses=answers({"deleted": 10}))
def delete_faces(
    service: Asked, collection: Collected, caller: Managing,
    subject: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, int]:  # fmt: skip
    """Delete all faces of somebody, or of everybody; the names stay announced."""
    found = collection.read()[1]
    if subject:
        found = [each for each in found if each.subject == subject]
    for name in dict.fromkeys(each.subject for each in found):
        service.forget(known(service.gallery, name).id, caller.actor)
        collection.announce(name)
    return {"deleted": len(found)}


def _delete(service: Service, collection: Collection, wanted: str, actor: str) -> dict[str, str]:
    """Delete one face; with the last one, somebody is forgotten, and the name stays announced."""
    example = collection.find(wanted)
    own = [each for each in collection.read()[1] if each.subject == example.subject]
    if len(own) > 1:
        service.gallery.remove(example.face, actor)
    else:
        service.forget(known(service.gallery, example.subject).id, actor)
        collection.announce(example.subject)
    return example.to_json()


@router.delete(
    "/faces/{image}", responses=answers({"image_id": image_id(1), "subject": "Ann"}, 404, 409)
)
def delete_face(
    image: ImageId, service: Asked, collection: Collected, caller: Managing
) -> dict[str, str]:
    """Delete one face."""
    with refused_as(409):
        return _delete(service, collection, image, caller.actor)


@router.post(
    "/faces/delete", responses=answers([{"image_id": image_id(1), "subject": "Ann"}], 404, 409)
)
def delete_some(
    service: Asked, collection: Collected, caller: Managing,
    images: Annotated[list[str], Body(max_length=10_000)],
) -> list[dict[str, str]]:  # fmt: skip
    """Delete several faces; those that are not there are passed over."""
    there = {each.image_id for each in collection.read()[1]}
    with refused_as(409):
        return [
            _delete(service, collection, image, caller.actor)
            for image in dict.fromkeys(each.lower() for each in images)
            if image in there
        ]


@router.get(
    "/faces/{image}/img",
    response_class=Response,
    responses=answers("(a JPEG)", 404, media="image/jpeg"),
)
def picture(image: ImageId, service: Asked, collection: Collected, caller: Managing) -> Response:
    """The picture of a face; empty where none was kept."""
    found = service.gallery.portrait(collection.find(image).face)
    return Response(found or b"", media_type="image/jpeg")


@router.post(
    "/faces/{image}/verify",
    responses=answers({"result": [{"box": {}, "similarity": 0.98}]}, 404, 415, 429),
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
