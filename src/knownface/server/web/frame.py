"""What every screen shares: its frame, its headers, and where a form leads when it is done."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from knownface.measure.numbers import percent
from knownface.pages.page import environment
from knownface.pages.pictures import address_of
from knownface.server.web import words

if TYPE_CHECKING:
    from jinja2 import Environment

    from knownface.recognition.living import Change, Receipt
    from knownface.server.service import Service

MOST_NOTICES = 200
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
SCREENS = (
    ("/", "Recognise", "recognise"),
    ("/people", "People", "people"),
    ("/unknown", "Unknown", "unknown"),
    ("/works", "Does it work?", "works"),
    ("/history", "History", "history"),
)
STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


# ---------------------------------------------------------------- what was done
@dataclass(frozen=True)
class Notice:
    """What a form did, shown once it is done. undo: the id of the change; None where it has none."""

    text: str
    details: Sequence[str] = field(default=())
    undo: int | None = None
    receipt: Receipt | None = None
    problem: bool = False

    @classmethod
    def of(cls, change: Change) -> Notice:
        return cls(change.text, details(change), None if change.verb == "undo" else change.id)


def details(change: Change) -> list[str]:
    """The warnings of a change, what caused a mistake, and what it did to the rates."""
    said = list(change.warnings)
    if cause := change.cause:
        without = f"; without it, {cause.without} would have won" if cause.without else ""
        said.append(f"The mistake came from the photo {cause.photo} of {cause.person}{without}.")
    before, after = change.before, change.after
    if before is None or after is None or after.dir is None:
        return said
    if (before.dir, before.far) == (after.dir, after.far):
        return [*said, "How well everybody else is recognised did not change."]
    rates = f"Known faces named rightly: {_moved(before.dir, after.dir)}."
    if after.far is not None:
        rates += f" Strangers taken for somebody known: {_moved(before.far, after.far)}."
    return [*said, rates]


def _moved(before: float | None, after: float) -> str:
    same = before is None or percent(before) == percent(after)
    return percent(after) if same or before is None else f"{percent(before)} → {percent(after)}"


class Notices:
    """What was done lately, by an unguessable key: a form leads to a page that can be read again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Notice] = OrderedDict()
        self._lock = Lock()

    def add(self, notice: Notice) -> str:
        key = secrets.token_urlsafe(9)
        with self._lock:
            self._kept[key] = notice
            while len(self._kept) > MOST_NOTICES:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str | None) -> Notice | None:
        return self._kept.get(key or "")


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
    found.filters |= {"percent": percent, "picture": address_of}
    return found


def render(template: str, **values: Any) -> str:
    now = time.time()
    values |= {"moment": lambda at: words.moment(at, now), "now": datetime.fromtimestamp(now)}
    return templates().get_template(template).render(values)


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A whole screen; `done` in its address is the notice to show first."""
    service = service_of(request)
    shown = {
        "screens": SCREENS,
        "here": "/" + request.url.path.split("/")[1],
        "number": service.gallery.number,
        "waiting": len(service.gallery.people("unknown")),
        "notice": notices_of(request).get(request.query_params.get("done")),
        "version": version,
        "keep_days": service.settings.keep_days,
    }
    return HTMLResponse(render(template, **shown | values), status, HEADERS)


def fragment(template: str, status: int = 200, **values: Any) -> Response:
    """A part of a screen, for the script to put in its place."""
    return HTMLResponse(render(template, **values), status, HEADERS)


def from_script(request: Request) -> bool:
    return FROM_SCRIPT in request.headers


def lead(request: Request, to: str, notice: Notice | None = None) -> Response:
    """Where a form leads when it is done, so that reading the page again does nothing again."""
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
