"""The screens of people: all of them, one of them, a new one, and forgetting somebody."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool

from knownface.errors import KnownfaceError
from knownface.server.web.frame import HEADERS, Notice, lead, page, service_of

if TYPE_CHECKING:
    from knownface.recognition.living import Change, LivingGallery

ACTOR = "page"
FaceIds = Annotated[list[int], Form(alias="face")]
Name = Annotated[str, Form()]

router = APIRouter()


# ---------------------------------------------------------------- looking
@router.get("/people")
def people(request: Request, q: str = "") -> Response:
    everybody = service_of(request).gallery.people()
    shown = [each for each in everybody if q.casefold() in str(each.name).casefold()]
    return page(request, "people.html.jinja", everybody=everybody, shown=shown, wanted=q)


@router.get("/people/new")
def newcomer(request: Request) -> Response:
    names = [person.name for person in service_of(request).gallery.people()]
    return page(request, "new.html.jinja", people=names)


@router.get("/people/{id}")
def person(request: Request, id: int) -> Response:
    gallery = service_of(request).gallery
    found = gallery.person(id)
    others = [each for each in gallery.people() if each.id != found.id]
    return page(
        request, "person.html.jinja", person=found, faces=gallery.faces(found.id), others=others
    )


@router.get("/people/{id}/forget")
def sure(request: Request, id: int) -> Response:
    return page(request, "forget.html.jinja", person=service_of(request).gallery.person(id))


@router.get("/portraits/{face}")
def portrait(request: Request, face: int) -> Response:
    """The picture of an enrolled face."""
    found = service_of(request).gallery.portrait(face)
    if found is None:
        return Response(status_code=404, headers=HEADERS)
    return Response(found, media_type="image/jpeg", headers=HEADERS)


# ---------------------------------------------------------------- changing
def done(
    request: Request, to: str | Callable[[], str], change: Callable[[LivingGallery], Change]
) -> Response:
    """Make a change and lead to where it shows; what cannot be done is said there, in a sentence.

    to: the address, or what gives it once the change is made.
    """
    here = request.headers.get("referer", "")
    back = "/" + here.split("/", 3)[3].split("?")[0].split("#")[0] if here.count("/") > 2 else "/"
    try:
        notice = Notice.of(change(service_of(request).gallery))
    except KnownfaceError as error:
        return lead(request, back, Notice(_sentence(error), problem=True))
    return lead(request, to() if callable(to) else to, notice)


def _sentence(error: KnownfaceError) -> str:
    said = str(error)
    return said[:1].upper() + said[1:]


@router.post("/people")
async def add(request: Request, name: Name, photo: Annotated[list[UploadFile], File()]) -> Response:
    """Add photos of somebody, new or known."""
    service = service_of(request)
    photos = [(await each.read(), each.filename or "photo") for each in photo if each.filename]

    try:
        change = await service.enroll(name, photos, ACTOR)
        known = await run_in_threadpool(service.gallery.person, name.strip())
    except KnownfaceError as error:
        return lead(request, "/people/new", Notice(_sentence(error), problem=True))
    return lead(request, f"/people/{known.id}", Notice.of(change))


@router.post("/people/{id}/rename")
def rename(request: Request, id: int, name: Name) -> Response:
    return done(request, f"/people/{id}", lambda g: g.rename(id, name, actor=ACTOR))


@router.post("/people/{id}/merge")
def merge(request: Request, id: int, into: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{into}", lambda g: g.merge(id, into, actor=ACTOR))


@router.post("/people/{id}/split")
def split(request: Request, id: int, name: Name = "", face: FaceIds = ()) -> Response:  # type: ignore[assignment]
    """Some faces are somebody else's."""
    gallery = service_of(request).gallery
    return done(
        request,
        lambda: f"/people/{gallery.person(name.strip()).id}",
        lambda g: g.split(id, face, name, actor=ACTOR),
    )


@router.post("/people/{id}/remove")
def remove(request: Request, id: int, face: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.remove(face, actor=ACTOR))


@router.post("/people/{id}/feature")
def feature(request: Request, id: int, face: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.feature(id, face, actor=ACTOR))


@router.post("/people/{id}/born")
def born(request: Request, id: int, date: Name = "") -> Response:
    return done(request, f"/people/{id}", lambda g: g.born(id, date or None, actor=ACTOR))


@router.post("/people/{id}/never-same")
def never_same(request: Request, id: int, other: Annotated[int, Form()]) -> Response:
    return done(request, f"/people/{id}", lambda g: g.never_same(id, other, actor=ACTOR))


@router.post("/people/{id}/forget")
def forget(request: Request, id: int) -> Response:
    """Erase somebody for good, and show the receipt."""
    gallery = service_of(request).gallery
    try:
        receipt = gallery.forget(id, actor=ACTOR)
    except KnownfaceError as error:
        return lead(request, "/people", Notice(_sentence(error), problem=True))
    return lead(request, "/people", Notice("Somebody was forgotten.", receipt=receipt))


# ---------------------------------------------------------------- people without a name
@router.get("/unknown")
def unknown(request: Request) -> Response:
    gallery = service_of(request).gallery
    groups = [(each, gallery.faces(each.id)) for each in gallery.people("unknown")]
    names = [person.name for person in gallery.people()]
    ignored = gallery.people("ignored")
    return page(request, "unknown.html.jinja", groups=groups, ignored=ignored, people=names)


@router.post("/unknown/{id}/name")
def name_unknown(request: Request, id: int, name: Name) -> Response:
    return done(request, "/unknown", lambda g: g.name(id, name, actor=ACTOR))


@router.post("/unknown/{id}/ignore")
def ignore(request: Request, id: int) -> Response:
    return done(request, "/unknown", lambda g: g.ignore(id, actor=ACTOR))
