"""The screens of people: all of them, one of them, a new one, and forgetting somebody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool

from knownface.errors import KnownfaceError
from knownface.server.uploads import read_form
from knownface.server.web import words
from knownface.server.web.frame import (
    ACTOR,
    HEADERS,
    Screen,
    client_of,
    done,
    lead,
    page,
    service_of,
    there,
)
from knownface.server.web.notices import Notice
from knownface.server.web.pictures import close_up

FaceIds = Annotated[list[int], Form(alias="face")]
Name = Annotated[str, Form()]

router = APIRouter(route_class=Screen)


# ---------------------------------------------------------------- looking
@router.get("/people")
def people(request: Request, q: str = "") -> Response:
    everybody = service_of(request).gallery.people()
    shown = [each for each in everybody if q.casefold() in str(each.name).casefold()]
    return page(request, "people.html.jinja", everybody=everybody, shown=shown, wanted=q)


@router.get("/people/new")
def newcomer(request: Request) -> Response:
    return page(request, "new.html.jinja", people=service_of(request).gallery.names())


@router.get("/people/{id}")
def person(request: Request, id: int) -> Response:
    gallery = service_of(request).gallery
    found = there(gallery, id)
    others = [each for each in gallery.people() if each.id != found.id]
    return page(
        request, "person.html.jinja", person=found, faces=gallery.faces(found.id), others=others
    )


@router.get("/people/{id}/forget")
def sure(request: Request, id: int) -> Response:
    return page(request, "forget.html.jinja", person=there(service_of(request).gallery, id))


@router.get("/portraits/{face}")
def portrait(request: Request, face: int) -> Response:
    """The picture of an enrolled face."""
    found = service_of(request).gallery.portrait(face)
    if found is None:
        return Response(status_code=404, headers=HEADERS)
    return Response(close_up(found), media_type="image/jpeg", headers=HEADERS)


# ---------------------------------------------------------------- changing
@router.post("/people")
async def add(request: Request) -> Response:
    """Add photos of somebody, new or known."""
    service = service_of(request)
    sent = await read_form(request, service.settings, "photo")
    name, photos = sent.fields.get("name", "").strip(), [each for each in sent.photos if each[0]]
    try:
        change = await service.enroll(name, photos, ACTOR, client_of(request))
        known = await run_in_threadpool(service.gallery.person, name)
    except KnownfaceError as error:
        return lead(request, "/people/new", Notice(words.sentence(error), problem=True))
    return lead(request, f"/people/{known.id}", Notice.of(change))


@router.post("/people/{id}/rename")
def rename(request: Request, id: int, name: Name) -> Response:
    return done(request, f"/people/{id}", lambda g: g.rename(id, name, actor=ACTOR), id)


@router.post("/people/{id}/merge")
def merge(request: Request, id: int, into: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{into}", lambda g: g.merge(id, into, actor=ACTOR), id)


@router.post("/people/{id}/split")
def split(request: Request, id: int, name: Name = "", face: FaceIds = ()) -> Response:  # type: ignore[assignment]
    """Some faces are somebody else's."""
    return done(request, f"/people/{id}", lambda g: g.split(id, face, name, actor=ACTOR), id)


@router.post("/people/{id}/part")
def part(request: Request, id: int, face: FaceIds = ()) -> Response:  # type: ignore[assignment]
    """Some faces are not theirs, whosever they are."""
    return done(request, f"/people/{id}", lambda g: g.part(id, face, actor=ACTOR), id)


@router.post("/people/{id}/remove")
def remove(request: Request, id: int, face: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.remove(face, actor=ACTOR), id)


@router.post("/people/{id}/feature")
def feature(request: Request, id: int, face: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.feature(id, face, actor=ACTOR), id)


@router.post("/people/{id}/born")
def born(request: Request, id: int, date: Name = "") -> Response:
    return done(request, f"/people/{id}", lambda g: g.born(id, date or None, actor=ACTOR), id)


@router.post("/people/{id}/never-same")
def never_same(request: Request, id: int, other: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.never_same(id, other, actor=ACTOR), id)


@router.post("/people/{id}/forget")
def forget(request: Request, id: int) -> Response:
    """Erase somebody for good, and show the receipt."""
    service = service_of(request)
    try:
        there(service.gallery, id)
        receipt = service.forget(id, ACTOR)
    except KnownfaceError as error:
        return lead(request, "/people", Notice(words.sentence(error), problem=True))
    return lead(request, "/people", Notice("Somebody was forgotten.", receipt=receipt))
