"""The whole server as one ASGI application."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from knownface import __version__
from knownface.server import api, errors
from knownface.server.access import Access, require_page
from knownface.server.guard import Guard
from knownface.server.keys import Keys
from knownface.server.service import Service

PAGE = "knownface.server.web"


def create_app(service: Service, keys: Keys | None = None) -> FastAPI:
    """Everything that is served. keys: who may ask; None: everybody, who are on this machine."""
    app = FastAPI(
        title="knownface",
        version=__version__,
        summary="Who is in a photo, and who is known.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.access = Access(keys or Keys([]), service.settings.tls)
    errors.install(app)
    app.include_router(api.router)
    if importlib.util.find_spec(PAGE):
        page = importlib.import_module(f"{PAGE}.routes")
        app.include_router(page.router, dependencies=[Depends(require_page)])
    app.add_middleware(Guard, service=service)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.service.close()
