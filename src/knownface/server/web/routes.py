"""The web page: its screens together, and the files that they are made with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from knownface.server.access import require_page
from knownface.server.compreface import PREFIX
from knownface.server.errors import answer, problem_of, wants_page
from knownface.server.problems import Problem
from knownface.server.web import history, people, recognise, unknown, works
from knownface.server.web.frame import (
    HEADERS,
    NO_PAGE,
    STATIC,
    Screen,
    is_ours,
    lead,
    page,
    refusal,
    render,
    service_of,
    static,
    version,
)

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address names the content
ICON = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#3f7fd6"
stroke-width="2" stroke-linecap="round"><path d="M4 8V6a2 2 0 0 1 2-2h2M16 4h2a2 2 0 0 1 2 2v2M20
16v2a2 2 0 0 1-2 2h-2M8 20H6a2 2 0 0 1-2-2v-2M9 10v.5M15 10v.5M9 14.5c1.8 1.6 4.2 1.6 6 0"/></svg>
"""

API = ("/v1/", PREFIX)

router = APIRouter(include_in_schema=False, route_class=Screen)
for screen in (recognise, people, unknown, works, history):
    router.include_router(screen.router)


@router.get("/stored")
def stored(request: Request) -> Response:
    """What is stored, where, and for how long."""
    gallery = service_of(request).gallery
    numbers = {state: gallery.people(state) for state in ("known", "unknown", "ignored")}
    return page(request, "stored.html.jinja", numbers=numbers, path=str(gallery.path))


@router.get("/changed")
def changed(request: Request) -> Response:
    """By which a page that is open learns that something has changed elsewhere."""
    return JSONResponse({"number": service_of(request).gallery.number}, headers=HEADERS)


async def nowhere(request: Request, error: Exception) -> Response:
    """What is answered where no page is: a screen to a browser, else a problem."""
    problem = problem_of(error)
    if request.url.path.startswith(API) or not wants_page(request):
        return answer(problem, request.url.path)
    try:
        await require_page(request)  # the screen says how many people wait
    except Problem as refused:
        return await refusal(request, refused)
    return await refusal(request, Problem(problem.status, NO_PAGE))


# ---------------------------------------------------------------- signing in
@router.get("/login")
def login(request: Request, to: str = "/") -> Response:
    return _login(to)


@router.post("/login")
def sign_in(
    request: Request, key: Annotated[str, Form()] = "", to: Annotated[str, Form()] = "/"
) -> Response:
    """Open a session for whoever has a key that may manage."""
    response = lead(request, to)
    if request.app.state.access.sign_in(key, response):
        return response
    wrong = "This is no key that may change people and photos. Check it, and try again."
    return _login(to, wrong, 403)


def _login(to: str, wrong: str = "", status: int = 200) -> Response:
    shown = {"here": "/login", "number": "", "notice": None, "version": version}
    page = render("login.html.jinja", **shown, to=to if is_ours(to) else "/", wrong=wrong)
    return HTMLResponse(page, status, HEADERS)


@router.post("/logout")
def sign_out(request: Request) -> Response:
    response = RedirectResponse("/login", 303, HEADERS)
    request.app.state.access.sign_out(request, response)
    return response


# ---------------------------------------------------------------- files
@router.get("/web/icon.svg")
def icon() -> Response:
    return Response(ICON, media_type="image/svg+xml", headers=HEADERS | FOREVER)


@router.get("/web/{name}")
def file(name: str) -> Response:
    if name not in STATIC:
        return Response(status_code=404, headers=HEADERS)
    return Response(static(name), media_type=STATIC[name], headers=HEADERS | FOREVER)
