"""The screens of people without a name: who is it, are these two one person, one of them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter, Form, Request, Response

from knownface.recognition.artifact import MEMORY
from knownface.server.web.frame import ACTOR, Screen, done, page, service_of, there

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.living.records import Change, Pair

AT_ONCE = 24  # groups of a screen
PAIRS = 12  # pairs of a screen
FACES = 240  # of one group, to be taken apart
KEYS = {  # by screen, what each key does
    "who": (
        ("↑ ↓ j k", "the group before or after; Home and End, the first and the last"),
        ("Enter", "give a name; a capital letter begins with it"),
        ("Tab", "in the name: complete it by somebody who has it"),
        ("Enter", "in the name: save, and go to the next"),
        ("Esc", "leave the name, or what is open"),
        ("m", "merge with who looks alike: then the digit"),
        ("s", "split: arrows and Space choose faces, Enter takes them out"),
        ("x", "ignore: somebody who does not matter, never to be named"),
        ("f", "not a face"),
        ("u", "undo the last change"),
    ),
    "same": (
        ("y", "the same person: they become one"),
        ("n", "two people, for good: never asked again"),
        ("Space ↓ j", "skip"),
        ("↑ k", "back"),
        ("u", "undo the last change"),
    ),
}
NEAREST = 8  # who may be the same person, each with a digit for its key
RECENT = 20  # changes, of which the last that can be taken back is looked for

Name = Annotated[str, Form()]
Back = Annotated[str, Form()]
Id = Annotated[int, Form()]
FaceIds = Annotated[list[int], Form(alias="face")]

router = APIRouter(route_class=Screen)


# ---------------------------------------------------------------- looking
@router.get("/unknown")
def unknown(request: Request, skip: int = 0, once: bool = False) -> Response:
    """Groups, the largest first; once: those of a single face, which are by themselves."""
    gallery = service_of(request).gallery
    how = gallery.sorted()
    several = how.all_groups - how.groups - how.once
    alone = once or (not several and how.once > 0)  # nothing that they would be folded away for
    number = how.once if alone else several
    skip = max(0, min(skip, number - 1) // AT_ONCE * AT_ONCE)
    return _screen(
        request, "once" if alone else "who", "unknown.html.jinja", number=number,
        groups=gallery.groups(AT_ONCE, skip, alone), skip=skip, step=AT_ONCE, once=once,
        ignored=gallery.people("ignored") if skip + AT_ONCE >= number else [],
        people=gallery.names(),
    )  # fmt: skip


@router.get("/unknown/same")
def same(request: Request, skip: int = 0) -> Response:
    """Two who may be one person, the likeliest first."""
    pairs = pairs_of(request)
    skip = max(0, min(skip, len(pairs) - 1) // PAIRS * PAIRS)
    shown = pairs[skip : skip + PAIRS]
    whose = {id for pair in shown for id in (pair.one, pair.other)}
    groups = {each.person.id: each for each in service_of(request).gallery.groups_of([*whose])}
    return _screen(
        request, "same", "same.html.jinja", skip=skip, step=PAIRS, number=len(pairs),
        shown=[(groups[pair.one], groups[pair.other], pair.similarity) for pair in shown
               if {pair.one, pair.other} <= groups.keys()],
    )  # fmt: skip


@router.get("/unknown/{id}")
def group(request: Request, id: int) -> Response:
    """One group: all of its faces, and who may be the same person."""
    gallery = service_of(request).gallery
    person = there(gallery, id)
    nearest = [each for pair in gallery.pairs(NEAREST, id) for each in (pair.one, pair.other)]
    return _screen(
        request, "", "group.html.jinja", person=person, faces=gallery.unlike_first(id, FACES),
        others=gallery.groups_of([each for each in nearest if each != id]), people=gallery.names(),
    )  # fmt: skip


def _screen(request: Request, tab: str, template: str, **values: Any) -> Response:
    gallery = service_of(request).gallery
    how, entries = gallery.sorted(), gallery.history(RECENT)
    query = request.url.query.split("done=")[0].rstrip("&")
    shown: dict[str, Any] = {
        "how": how,
        "several": how.all_groups - how.groups - how.once,
        "likely": len(pairs_of(request, now=tab == "same")),
        "keys": KEYS["same" if tab == "same" else "who"],
        "tab": tab,
        "pile": _pile(gallery),
        "last": next((each for each in entries if each.undoes), None),
        "back": request.url.path + (f"?{query}" if query else ""),
    }
    return page(request, template, **shown | values)


def _pile(gallery: LivingGallery) -> str | None:
    """The folders that `group` made, whose memory this is."""
    return str(gallery.folder.parent) if gallery.folder.name == MEMORY else None


def pairs_of(request: Request, now: bool = True) -> Sequence[Pair]:
    """Who may be one person; found again only after a change, and only if it is to be of `now`:
    of 5,000 groups that takes longer than everything else that a screen shows.
    """
    state, gallery = request.app.state, service_of(request).gallery
    number, found = getattr(state, "pairs", (None, ()))
    if number is None or (now and number != gallery.number):
        number = gallery.number
        found = gallery.pairs()
        state.pairs = number, found
    return cast("Sequence[Pair]", found)


# ---------------------------------------------------------------- changing
@router.post("/unknown/{id}/name")
def name(request: Request, id: int, name: Name, back: Back = "/unknown") -> Response:
    return done(request, back, lambda g: _named(g, id, name), id)


def _named(gallery: LivingGallery, id: int, name: str) -> Change:
    """Capitals make no other person of a name that is known."""
    text = name.strip()
    known = gallery.names()
    same = [each for each in known if each.casefold() == text.casefold()]
    return gallery.name(id, same[0] if same and text not in known else name, actor=ACTOR)


@router.post("/unknown/{id}/ignore")
def ignore(request: Request, id: int, back: Back = "/unknown") -> Response:
    return done(request, back, lambda g: g.ignore(id, actor=ACTOR), id)


@router.post("/unknown/{id}/not-a-face")
def not_a_face(request: Request, id: int, back: Back = "/unknown") -> Response:
    return done(request, back, lambda g: g.not_a_face(id, actor=ACTOR), id)


@router.post("/unknown/{id}/part")
def part(request: Request, id: int, face: FaceIds = (), back: Back = "/unknown") -> Response:  # type: ignore[assignment]
    """Some faces are somebody else's."""
    return done(request, back, lambda g: g.part(id, face, actor=ACTOR), id)


@router.post("/unknown/{id}/merge")
def merge(request: Request, id: int, into: Id, back: Back = "/unknown") -> Response:
    return done(request, back, lambda g: g.merge(id, into, actor=ACTOR), id)


@router.post("/unknown/{id}/two")
def two(request: Request, id: int, other: Id, back: Back = "/unknown/same") -> Response:
    return done(request, back, lambda g: g.never_same(id, other, actor=ACTOR), id)
