"""What every request passes first: its host, its origin, and how much it may send."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from knownface.server.access import refuse_foreign, refuse_rebinding
from knownface.server.errors import answer
from knownface.server.problems import Problem
from knownface.server.service import Service


class Guard:
    """Middleware around everything."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        settings = service.settings
        self._names = frozenset(name.lower() for name in (*settings.names, settings.host))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1")
                   for name, value in scope["headers"]}  # fmt: skip
        try:
            host = headers.get("host", "")
            refuse_rebinding(host, self._names)
            refuse_foreign(scope["method"], host, headers)
        except Problem as problem:
            await answer(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)
