"""Who is in a photo, and whether that was right."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from knownface.recognition.living.records import SeenFace
from knownface.server.access import Caller
from knownface.server.documents import CHANGE, RECOGNIZED, Feedback, answers, photo_body
from knownface.server.problems import Problem, refused_as
from knownface.server.routes.asking import Asked, Managing, Recognising
from knownface.server.service import Service
from knownface.server.uploads import FORM, Form, read_document, read_form

router = APIRouter(tags=["recognising"])


@router.post(
    "/v1/recognize",
    responses=answers(RECOGNIZED, 415, 429),
    openapi_extra=photo_body(),
)
async def recognize(request: Request, service: Asked, caller: Recognising) -> dict[str, Any]:
    """Name every face of one or several photos; each face has a token for `/v1/feedback`.

    A photo that cannot be read carries its error; where none can, that is the answer: 422.
    """
    start = time.perf_counter()
    form = await read_form(request, service.settings, "photo")
    if not form.photos:
        raise Problem(422, "There is no photo; send the field `photo`, or a photo as the body")
    photos = []
    for seen in await service.recognize_all(form.photos, caller.client):
        said = seen.recognition.to_json()
        for face, token in zip(said["faces"], service.recent.add(seen), strict=True):
            face["face"] = token
        photos.append(said)
    if all(said["error"] for said in photos):
        raise Problem(422, "; ".join(said["error"] for said in photos[:3]))
    seconds = round(time.perf_counter() - start, 3)
    return {"photos": photos, "seconds": seconds, "device": service.recognizer.embedder.device}


_FEEDBACK_BODY = photo_body("is", "not", "nobody", several=False, body=False)
_FEEDBACK_BODY["requestBody"]["content"]["application/json"] = {
    "schema": Feedback.model_json_schema()
}


@router.post(
    "/v1/feedback",
    responses=answers(CHANGE, 404, 409, 415, 429),
    openapi_extra=_FEEDBACK_BODY,
)
async def feedback(request: Request, service: Asked, caller: Managing) -> dict[str, Any]:
    """Say whose a face `is`, whose it is `not`, or that it is `nobody`: for good.

    The face is a token of `/v1/recognize`, in JSON; or a `photo` with one face, in a form.
    """
    if request.headers.get("content-type", "").lower().startswith(FORM):
        form = await read_form(request, service.settings, "photo")
        face = await _only_face(service, form, caller)
        asked = _feedback({"face": "photo", **form.fields})
    else:
        asked = _feedback(await read_document(request))
        with refused_as(404):
            face = service.recent.face(asked.face)
    given = [asked.is_ is not None, asked.not_ is not None, asked.nobody]
    if sum(given) != 1:
        raise Problem(422, "Say one of `is`, `not` and `nobody`")
    with refused_as(409):
        change = await asyncio.to_thread(
            service.gallery.correct, face, asked.is_, asked.not_, asked.nobody, caller.actor
        )
    return change.to_json()


def _feedback(document: Any) -> Feedback:
    try:
        return Feedback.model_validate(document)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None


async def _only_face(service: Service, form: Form, caller: Caller) -> SeenFace:
    """The face of a photo that shows one."""
    if len(form.photos) != 1:
        raise Problem(422, "Send one `photo`")
    seen = (await service.look(form.photos, caller.client))[0]
    if seen.recognition.error:
        raise Problem(422, seen.recognition.error)
    if len(seen.faces) != 1:
        name, number = seen.recognition.path, len(seen.faces)
        raise Problem(
            422, f"{name}: shows {number} faces; recognise it, and send the token of one face"
        )
    return seen.faces[0]
