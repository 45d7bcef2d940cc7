"""Who is known: to see, to add, to change, to forget."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from knownface.recognition.living.records import Change, Person
from knownface.server.documents import (
    CHANGE,
    FACE,
    PERSON,
    RECEIPT,
    NeverSame,
    PersonChange,
    answers,
    photo_body,
)
from knownface.server.problems import Problem, refused_as
from knownface.server.routes.asking import Asked, Managing, Number, Who, known
from knownface.server.service import Service
from knownface.server.uploads import read_form

router = APIRouter(tags=["people"])


@router.get("/v1/people", responses=answers({"people": [PERSON]}))
def people(service: Asked, caller: Managing) -> dict[str, Any]:
    """Who is known."""
    return {"people": [person.to_json() for person in service.gallery.people()]}


@router.get("/v1/people/{who}", responses=answers(PERSON, 404))
def person(who: Who, service: Asked, caller: Managing) -> dict[str, Any]:
    """Somebody known."""
    return known(service.gallery, who).to_json()


@router.get("/v1/people/{who}/faces", responses=answers({"faces": [FACE]}, 404))
def faces(who: Who, service: Asked, caller: Managing) -> dict[str, Any]:
    """The enrolled faces of somebody, the best first."""
    found = service.gallery.faces(known(service.gallery, who).id)
    return {"faces": [asdict(face) for face in found]}


@router.post(
    "/v1/people/{who}/photos",
    responses=answers(CHANGE, 409, 415, 429),
    openapi_extra=photo_body(),
)
async def enroll(who: Who, request: Request, service: Asked, caller: Managing) -> dict[str, Any]:
    """Add photos of somebody; a name that nobody has is a newcomer's."""
    form = await read_form(request, service.settings, "photo")
    change = await service.enroll(who, form.photos, caller.actor, caller.client)
    return change.to_json()


@router.patch("/v1/people/{who}", responses=answers(CHANGE, 404, 409))
def change(who: Who, asked: PersonChange, service: Asked, caller: Managing) -> dict[str, Any]:
    """Rename, merge or split somebody, or say when they were born, or which face to show."""
    given = asked.model_fields_set
    if len(given) != 1 or all(getattr(asked, name) is None for name in given):
        raise Problem(422, "Say one of `name`, `born`, `featured`, `merge_into` and `split`")
    person = known(service.gallery, who)
    with refused_as(409):
        return _changed(service, person, asked, caller.actor).to_json()


def _changed(service: Service, person: Person, asked: PersonChange, actor: str) -> Change:
    gallery = service.gallery
    if asked.name is not None:
        return gallery.rename(person.id, asked.name, actor)
    if asked.born is not None:
        return gallery.born(person.id, asked.born or None, actor)
    if asked.featured is not None:
        return gallery.feature(person.id, asked.featured, actor)
    if asked.merge_into is not None:
        return gallery.merge(person.id, asked.merge_into, actor)
    assert asked.split is not None
    return gallery.split(person.id, asked.split.faces, asked.split.to, actor)


@router.delete("/v1/people/{who}", responses=answers(RECEIPT, 404))
def forget(who: Who, service: Asked, caller: Managing) -> dict[str, Any]:
    """Erase every trace of somebody, for good; the receipt says what is gone, and names nobody."""
    return service.forget(known(service.gallery, who).id, caller.actor).to_json()


@router.post("/v1/never-same", responses=answers(CHANGE, 404, 409))
def never_same(asked: NeverSame, service: Asked, caller: Managing) -> dict[str, Any]:
    """Two people are two, and are never merged."""
    gallery = service.gallery
    pair = known(gallery, asked.one), known(gallery, asked.other)
    with refused_as(409):
        return gallery.never_same(pair[0].id, pair[1].id, caller.actor).to_json()


@router.get(
    "/v1/faces/{number}",
    response_class=Response,
    responses=answers("(a JPEG)", 404, media="image/jpeg"),
)
def face(number: Number, service: Asked, caller: Managing) -> Response:
    """The picture of an enrolled face."""
    picture = service.gallery.portrait(number)
    if picture is None:
        raise Problem(404, f"There is no picture of face {number}")
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private"})


@router.delete("/v1/faces/{number}", responses=answers(CHANGE, 409))
def remove(number: Number, service: Asked, caller: Managing) -> dict[str, Any]:
    """Take one photo away; not the last one of somebody."""
    with refused_as(409):
        return service.gallery.remove(number, caller.actor).to_json()
