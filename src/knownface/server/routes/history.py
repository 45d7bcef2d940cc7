"""What was done and who was seen, people who are not known, and how good all that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body

from knownface.server.documents import (
    CHANGE,
    ENTRY,
    STANDING,
    UNKNOWN,
    Undo,
    UnknownChange,
    answers,
)
from knownface.server.problems import refused_as
from knownface.server.routes.asking import Asked, Before, Limit, Managing, Number, unknown

router = APIRouter(tags=["history"])


@router.get("/v1/history", responses=answers({"history": [ENTRY]}))
def history(
    service: Asked, caller: Managing, limit: Limit = 50, before: Before = None
) -> dict[str, Any]:
    """Changes, the last first; before: only those before that change."""
    return {"history": [asdict(entry) for entry in service.gallery.history(limit, before)]}


@router.post("/v1/undo", responses=answers(CHANGE, 409))
def undo(
    service: Asked, caller: Managing, asked: Annotated[Undo | None, Body()] = None
) -> dict[str, Any]:
    """Take back a change, by default the last one."""
    with refused_as(409):
        return service.gallery.undo(asked.change if asked else None, caller.actor).to_json()


@router.get("/v1/standing", responses=answers(STANDING | {"sentence": "95.0% of 40 …"}))
def standing(service: Asked, caller: Managing) -> dict[str, Any]:
    """How many known faces are named, and strangers accepted, of the photos kept aside."""
    found = service.gallery.standing()
    return asdict(found) | {"sentence": found.sentence()}


# ---------------------------------------------------------------- unknown people
@router.get("/v1/unknowns", responses=answers({"unknowns": [UNKNOWN]}))
def unknowns(service: Asked, caller: Managing) -> dict[str, Any]:
    """People who were seen and are not known, the last first, where a memory is switched on."""
    return {"unknowns": [person.to_json() for person in service.gallery.people("unknown")]}


@router.patch("/v1/unknowns/{number}", responses=answers(CHANGE, 404, 409))
def name(number: Number, asked: UnknownChange, service: Asked, caller: Managing) -> dict[str, Any]:
    """Say who somebody unknown is; if somebody has the name, these faces are theirs."""
    person = unknown(service.gallery, number)
    with refused_as(409):
        return service.gallery.name(person.id, asked.name, caller.actor).to_json()


@router.delete("/v1/unknowns/{number}", responses=answers(CHANGE, 404, 409))
def ignore(number: Number, service: Asked, caller: Managing) -> dict[str, Any]:
    """Never name somebody unknown, nor show them, from now on."""
    person = unknown(service.gallery, number)
    with refused_as(409):
        return service.gallery.ignore(person.id, caller.actor).to_json()


@router.get("/v1/sightings", responses=answers({"sightings": []}))
def sightings(
    service: Asked, caller: Managing, limit: Limit = 50, before: Before = None
) -> dict[str, Any]:
    """Who was recognised, the last first, where a memory is switched on."""
    return {"sightings": [asdict(each) for each in service.gallery.sightings(limit, before)]}
