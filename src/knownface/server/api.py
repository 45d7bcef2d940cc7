"""The HTTP API under /v1."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from knownface.server.access import Caller, require
from knownface.server.problems import Problem
from knownface.server.service import Service
from knownface.server.uploads import read_form

router = APIRouter()
Recognising = Annotated[Caller, Depends(require("recognise"))]
Managing = Annotated[Caller, Depends(require("manage"))]


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


@router.post("/v1/recognize")
async def recognize(request: Request, caller: Recognising) -> dict[str, Any]:
    """Name every face of one or several photos."""
    service, start = _service(request), time.perf_counter()
    form = await read_form(request, service.settings, "photo")
    if not form.photos:
        raise Problem(422, "There is no photo; send the field `photo`, or a photo as the body")
    photos = []
    for seen in await service.recognize_all(form.photos, caller.client):
        said = seen.recognition.to_json()
        for face, token in zip(said["faces"], service.recent.add(seen), strict=True):
            face["face"] = token
        photos.append(said)
    seconds = round(time.perf_counter() - start, 3)
    return {"photos": photos, "seconds": seconds, "device": service.recognizer.embedder.device}


@router.get("/v1/people")
def people(request: Request, caller: Managing) -> dict[str, Any]:
    """Who is known."""
    return {"people": [person.to_json() for person in _service(request).gallery.people()]}


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def readyz() -> dict[str, str]:
    return {"status": "ready"}
