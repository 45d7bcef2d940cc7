"""What every route needs: the service, the caller, and whoever an address speaks of."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import Person
from knownface.server.access import Caller, require
from knownface.server.documents import LARGEST_ID
from knownface.server.problems import Problem, refused_as
from knownface.server.service import Service


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Asked = Annotated[Service, Depends(_service)]
Recognising = Annotated[Caller, Depends(require("recognise"))]
Managing = Annotated[Caller, Depends(require("manage"))]
Who = Annotated[str, Path(description="A name, or the number of somebody.", max_length=100)]
Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


def known(gallery: LivingGallery, who: str) -> Person:
    """Somebody known, by name or number. Raises Problem 404."""
    with refused_as(404):
        try:
            person = gallery.person(who)
        except Exception:
            if not who.isdecimal() or int(who) > LARGEST_ID:
                raise
            person = gallery.person(int(who))
    if person.state != "known":
        raise Problem(404, f"{who} is {person.state}; see /v1/unknowns")
    return person


def unknown(gallery: LivingGallery, number: int) -> Person:
    """Somebody unknown or ignored. Raises Problem 404."""
    with refused_as(404):
        person = gallery.person(number)
    if person.state == "known":
        raise Problem(404, f"{number} is known; see /v1/people/{number}")
    return person
