"""The screen History: every change, and every recognition where these are remembered; undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request, Response

from knownface.errors import KnownfaceError
from knownface.server.web import words
from knownface.server.web.frame import (
    ACTOR,
    Screen,
    done,
    fragment,
    page,
    service_of,
)
from knownface.server.web.notices import Notice

if TYPE_CHECKING:
    from knownface.recognition.living.records import State

AT_ONCE = 50
IN_PLACE = "face"  # asked by the script, for a face that it has on its screen

router = APIRouter(route_class=Screen)


@router.get("/history")
def history(request: Request, seen: bool = False, before: int | None = None) -> Response:
    """Changes, or with `seen` who was recognised; before: only older ones than that."""
    gallery = service_of(request).gallery
    kind = gallery.sightings if seen else gallery.history
    entries = kind(AT_ONCE + 1, before)
    more = entries[AT_ONCE - 1].id if len(entries) > AT_ONCE else None
    states: tuple[State, ...] = ("known", "unknown", "ignored") if seen else ()
    everybody = [each for state in states for each in gallery.people(state)]
    return page(
        request, "history.html.jinja", entries=entries[:AT_ONCE], seen=seen, more=more,
        before=before, portraits={each.id: each.featured for each in everybody},
    )  # fmt: skip


@router.post("/undo")
def undo(
    request: Request, change: Annotated[int, Form()], back: Annotated[str, Form()] = "/history"
) -> Response:
    """Take back a change; leads to the screen that it was asked on, if that is one of ours."""
    if back == IN_PLACE:
        return _undone_in_place(request, change)
    return done(request, back, lambda g: g.undo(change, actor=ACTOR))


def _undone_in_place(request: Request, change: int) -> Response:
    try:
        notice, status = Notice.of(service_of(request).gallery.undo(change, actor=ACTOR)), 200
    except KnownfaceError as error:
        notice, status = Notice(words.sentence(error), problem=True), 409
    return fragment("notice.html.jinja", status, notice=notice, here="/")
