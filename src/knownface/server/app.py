"""The whole server as one ASGI application."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import Depends, FastAPI
from starlette.formparsers import MultiPartParser
from starlette.types import ASGIApp

from knownface.server import errors
from knownface.server.access import Access, require_page
from knownface.server.guard import Guard, Held
from knownface.server.journal import Journal
from knownface.server.keys import Keys
from knownface.server.routes import (
    compreface,
    compreface_photos,
    health,
    history,
    people,
    recognising,
)
from knownface.server.service import Service

PAGE = "knownface.server.web"
ABOUT = """\
Every error is a problem document (RFC 9457). Where keys are needed, the key travels in
`Authorization: Bearer KEY` or in `x-api-key`; one may recognise, or manage too.
"""


def create_app(service: Service, keys: Keys | None = None) -> FastAPI:
    """Everything that is served. keys: who may ask; None: everybody, who are on this machine.

    `app.state` has the service, the access and the guard.
    """
    app = FastAPI(
        title="knownface",
        version=metadata.version("knownface"),
        summary="Who is in a photo, and who is known.",
        description=ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    settings = service.settings
    app.state.service = service
    app.state.access = Access(keys or Keys([]), settings.tls)
    errors.install(app)
    for routes in (recognising, people, history, health, compreface_photos, compreface):
        app.include_router(routes.router)
    _add_page(app)
    held = Held(settings.held_bytes)
    service.metrics.gauge("held_bytes", "Bytes of requests in memory.", lambda: held.bytes)

    def guarded(inner: ASGIApp) -> Guard:
        guard = app.state.guard = Guard(inner, settings, held)
        return guard

    app.add_middleware(guarded)
    app.add_middleware(Journal, metrics=service.metrics)
    return app


def _add_page(app: FastAPI) -> None:
    """The web page, whose forms are read by Starlette: into memory, as all photos are."""
    MultiPartParser.spool_max_size = app.state.service.settings.request_bytes
    if importlib.util.find_spec(PAGE):
        page = importlib.import_module(f"{PAGE}.routes")
        app.include_router(page.router, dependencies=[Depends(require_page)])
        for status in (404, 405):
            app.add_exception_handler(status, page.nowhere)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    expiring = None
    if service.settings.keep_days:
        expiring = asyncio.create_task(service.keep_expiring())
    yield
    if expiring:
        expiring.cancel()
    await asyncio.to_thread(service.close)
