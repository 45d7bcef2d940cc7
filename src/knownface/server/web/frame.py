"""What every screen shares: its frame, its headers, and where a form leads when it is done."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute

from knownface.errors import KnownfaceError
from knownface.options import naming_calls
from knownface.pages.page import environment
from knownface.server.errors import answer, problem_of
from knownface.server.problems import Problem
from knownface.server.web import words
from knownface.server.web.notices import Notice, Notices

if TYPE_CHECKING:
    from jinja2 import Environment

    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.living.records import Change, Person
    from knownface.server.service import Service

ACTOR = "page"  # who changed something, for the history
FROM_SCRIPT = "x-from-script"  # a header that page.js sends: it wants no whole page in answer
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NO_PAGE = "There is no page at this address: look on one of the screens above."
SCREENS = (
    ("/", "Recognise", "recognise"),
    ("/people", "People", "people"),
    ("/unknown", "Unknown", "unknown"),
    ("/works", "Does it work?", "works"),
    ("/history", "History", "history"),
)
STATIC = {"page.css": "text/css", "page.js": "text/javascript", "review.js": "text/javascript"}


# ---------------------------------------------------------------- answers
@cache
def static(name: str) -> bytes:
    """One of `STATIC`; the style begins with the palette of all pages."""
    content = (Path(__file__).parent / name).read_bytes()
    if name.endswith(".css"):
        content = environment(__package__).get_template("palette.css").render().encode() + content
    return content


@cache
def version(name: str) -> str:
    """By which a browser knows that a file has changed."""
    return hashlib.sha256(static(name)).hexdigest()[:16]


@cache
def templates() -> Environment:
    found = environment(__package__)
    found.globals["words"] = words
    found.filters["rate"] = words.rate
    return found


def render(template: str, **values: Any) -> str:
    now = time.time()
    today = datetime.fromtimestamp(now)
    values |= {
        "moment": lambda at: words.moment(at, now),
        "since": lambda at: words.day(datetime.fromtimestamp(at).date(), today.date()),
        "now": today,
    }
    return templates().get_template(template).render(values)


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A whole screen; `done` in its address is the notice to show first."""
    service = service_of(request)
    shown = {
        "screens": SCREENS,
        "here": "/" + request.url.path.split("/")[1],
        "number": service.gallery.number,
        "waiting": service.gallery.count("unknown"),
        "notice": notices_of(request).get(request.query_params.get("done")),
        "version": version,
        "keep_days": service.settings.keep_days,
        "threshold": service.recognizer.threshold.value,
        "signed_in": bool(request.app.state.access.keys),
    }
    return HTMLResponse(render(template, **shown | values), status, HEADERS)


def fragment(template: str, status: int = 200, **values: Any) -> Response:
    """A part of a screen, for the script to put in its place."""
    return HTMLResponse(render(template, **values), status, HEADERS)


class Screen(APIRoute):
    """A route whose errors are a screen, too, where a browser asked; the script gets problems.

    Sentences speak of these screens, not of commands.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def screen(request: Request) -> Response:
            try:
                with naming_calls(words.on_screen):
                    return await handler(request)
            except RequestValidationError as error:
                problem = _unreadable(error)
            except (KnownfaceError, Problem, HTTPException) as error:
                problem = problem_of(error)
            if from_script(request):
                raise problem
            return await refusal(request, problem)

        return screen


def _unreadable(error: RequestValidationError) -> Problem:
    """What to say of an address or a form that was written by hand, or by an older screen."""
    where, *names = error.errors()[0]["loc"]
    if where == "path":
        return Problem(404, NO_PAGE)
    name = ".".join(map(str, names)) or "the form"
    return Problem(422, f"What was sent cannot be read ({name}). Go back, and look again.")


async def refusal(request: Request, problem: Problem) -> Response:
    """The screen of what cannot be done; that of signing in, where that is what is missing."""
    if problem.status == 401:
        to = request.url.path if request.method == "GET" else "/"
        return RedirectResponse("/login?" + urlencode({"to": to}), 303, HEADERS)
    values = {"sentence": words.sentence(problem), "code": problem.status}
    return await run_in_threadpool(page, request, "problem.html.jinja", problem.status, **values)


def from_script(request: Request) -> bool:
    return FROM_SCRIPT in request.headers


def lead(request: Request, to: str, notice: Notice | None = None) -> Response:
    """Where a form leads when it is done, so that reading the page again does nothing again."""
    if notice and notice.problem and from_script(request):
        # It is said beside the form, which keeps what was typed.
        return answer(Problem(409, notice.text), request.url.path)
    to = to if is_ours(to) else "/"
    if notice:
        to += ("&" if "?" in to else "?") + urlencode({"done": notices_of(request).add(notice)})
        to += "#notice"
    if from_script(request):
        return JSONResponse({"location": to}, headers=HEADERS)
    return RedirectResponse(to, 303, HEADERS)


def service_of(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def notices_of(request: Request) -> Notices:
    state = request.app.state
    if not hasattr(state, "notices"):
        state.notices = Notices()
    found: Notices = state.notices
    return found


def done(
    request: Request, to: str, change: Callable[[LivingGallery], Change], who: int | None = None
) -> Response:
    """Make a change and lead to where it shows; what cannot be done is said where it was asked.

    who: the id of the person that must still be there.
    """
    gallery = service_of(request).gallery
    try:
        if who is not None:
            there(gallery, who)
        return lead(request, to, Notice.of(change(gallery)))
    except Gone as error:
        return lead(request, "/people", Notice(f"{error} Nothing was changed.", problem=True))
    except KnownfaceError as error:
        asked = urlsplit(request.headers.get("referer", "")).path or "/"
        return lead(request, asked, Notice(words.sentence(error), problem=True))


class Gone(Problem):
    """Somebody was merged or forgotten since a screen was made."""


def there(gallery: LivingGallery, who: int) -> Person:
    """Somebody by id; Gone where they are not there any more."""
    try:
        return gallery.person(who)
    except KnownfaceError:
        raise Gone(
            404, "This person is not here any more: merged with somebody else, or forgotten."
        ) from None  # fmt: skip


def client_of(request: Request) -> str:
    """By which somebody's share of the queue is counted."""
    return request.client.host if request.client else ""


def is_ours(path: str) -> bool:
    """Whether an address leads to this server, whatever browsers make of it."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))
