"""Whether the server lives, whether it can answer, and its numbers."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from knownface.server.documents import answers
from knownface.server.metrics import MEDIA
from knownface.server.problems import refused_as
from knownface.server.routes.asking import Asked, Recognising

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=answers({"status": "alive"}))
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "alive"}


@router.get("/readyz", responses=answers({"status": "ready"}))
async def readyz(service: Asked) -> dict[str, str]:
    """The gallery can be read, and is this network's; while the server ends, this is 503."""
    with refused_as(503):
        await asyncio.to_thread(service.recognizer.follow)
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses=answers("knownface_known_people 5.0", media="text/plain"),
)
def metrics(service: Asked, caller: Recognising) -> Response:
    """Numbers for Prometheus; they name nobody."""
    return Response(service.metrics.text(), media_type=MEDIA)
