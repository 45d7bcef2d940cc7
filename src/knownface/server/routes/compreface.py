"""CompreFace's subjects and their faces: listed, renamed and deleted in the same gallery."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from knownface.server.compreface import (
    NO_SUBJECT,
    SUBJECT_THERE,
    Collection,
    Refusal,
    image_id,
    page,
)
from knownface.server.documents import Named, answers
from knownface.server.problems import refused_as
from knownface.server.routes.asking import Asked, Managing, Recognising, known
from knownface.server.service import Service

router = APIRouter(prefix="/api/v1/recognition", tags=["CompreFace"])
foreign_answers = partial(answers, as_compreface=True)
ImageId = Annotated[str, Path(max_length=60)]


async def _collection(service: Asked) -> Collection:
    return service.collection


Collected = Annotated[Collection, Depends(_collection)]


# ---------------------------------------------------------------- subjects
@router.get("/subjects", responses=foreign_answers({"subjects": ["Ann", "Bob"]}))
@router.get("/subjects/", include_in_schema=False)
def subjects(collection: Collected, caller: Recognising) -> dict[str, Any]:
    """All names."""
    return {"subjects": collection.subjects}


@router.post(
    "/subjects", status_code=201, responses=foreign_answers({"subject": "Ann"}, success=201)
)
def add_subject(
    collection: Collected, caller: Managing, asked: Annotated[Named, Body()]
) -> dict[str, str]:
    """Announce somebody who has no photo yet."""
    if asked.subject in collection.subjects:
        raise Refusal(400, "Subject already exists", SUBJECT_THERE)
    collection.announce(asked.subject)
    return {"subject": asked.subject}


@router.put("/subjects/{subject}", responses=foreign_answers({"updated": "true"}, 404, 409))
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


@router.delete("/subjects/{subject}", responses=foreign_answers({"subject": "Ann"}, 404))
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


@router.delete("/subjects", responses=foreign_answers({"deleted": 2}))
def delete_subjects(service: Asked, collection: Collected, caller: Managing) -> dict[str, int]:
    """Forget everybody."""
    names = collection.subjects
    for name in names:
        collection.withdraw(name)
        if collection.has_photos(name):
            service.forget(known(service.gallery, name).id, caller.actor)
    return {"deleted": len(names)}


# ---------------------------------------------------------------- examples
@router.get("/faces", responses=foreign_answers(page([], 0, 20)))
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


@router.delete("/faces", responses=foreign_answers({"deleted": 10}))
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
    "/faces/{image}",
    responses=foreign_answers({"image_id": image_id(1), "subject": "Ann"}, 404, 409),
)
def delete_face(
    image: ImageId, service: Asked, collection: Collected, caller: Managing
) -> dict[str, str]:
    """Delete one face."""
    with refused_as(409):
        return _delete(service, collection, image, caller.actor)


@router.post(
    "/faces/delete",
    responses=foreign_answers([{"image_id": image_id(1), "subject": "Ann"}], 404, 409),
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
    responses=foreign_answers("(a JPEG)", 404, media="image/jpeg"),
)
def picture(image: ImageId, service: Asked, collection: Collected, caller: Managing) -> Response:
    """The picture of a face; empty where none was kept."""
    found = service.gallery.portrait(collection.find(image).face)
    return Response(found or b"", media_type="image/jpeg")
