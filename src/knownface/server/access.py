"""Who may do what: keys, sessions of the page, and what browsers were tricked into asking.

Without any key, everybody on this machine may do everything; the server then listens nowhere else.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Lock
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from fastapi import Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from knownface.server.keys import Key, Keys, Role
from knownface.server.problems import Problem

COOKIE = "knownface"
SESSION = 12 * 3600.0  # seconds until the page asks for the key again
MOST_SESSIONS = 1_000
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN_PAGES = ("/login", "/web/")  # of the page, what anybody may see

_bearer = HTTPBearer(auto_error=False, description="A key: `Authorization: Bearer KEY`.")
_header = APIKeyHeader(name="x-api-key", auto_error=False, description="The same key.")


@dataclass(frozen=True)
class Caller:
    """Who asks. role: what they may do; client: by which their share of the queue is counted."""

    role: Role
    client: str
    key: str = ""

    @property
    def actor(self) -> str:
        """For the history."""
        return f"http, key {self.key}" if self.key else "http"


class Access:
    """Keys, and the sessions that were opened with them; safe from many threads."""

    def __init__(self, keys: Keys, tls: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys, self._tls, self._clock = keys, tls, clock
        self._sessions: dict[str, tuple[float, Key]] = {}
        self._lock = Lock()

    # ------------------------------------------------------------ sessions of the page
    def sign_in(self, key: str, response: Response) -> bool:
        """Open a session for whoever has a key that may manage; False for any other key.

        The cookie is for this origin alone, and no script can read it.
        """
        found = self.keys.find(key.strip())
        if found is None or found.role != "manage":
            return False
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._sessions = {t: s for t, s in self._sessions.items() if s[0] > now}
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[_digest(token)] = (now + SESSION, found)
        response.set_cookie(
            COOKIE, token, max_age=int(SESSION), path="/", secure=self._tls, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return True

    def sign_out(self, request: Request, response: Response) -> None:
        with self._lock:
            self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")

    # ------------------------------------------------------------ callers
    def caller(self, request: Request, key: str | None, role: Role) -> Caller:
        """Who asks, where they may; Problem 401 or 403 where not."""
        client = request.client.host if request.client else ""
        if not self.keys:
            return Caller("manage", client)
        found = self.keys.find(key) if key else self._session(request)
        if found is None:
            raise Problem(
                401, "A valid key is needed: send it as `Authorization: Bearer KEY`",
                headers={"WWW-Authenticate": 'Bearer realm="knownface"'},
            )  # fmt: skip
        if role == "manage" and found.role != "manage":
            raise Problem(403, "This key may recognise only; use one that may manage")
        return Caller(found.role, found.id, found.id)

    def _session(self, request: Request) -> Key | None:
        token = request.cookies.get(COOKIE)
        with self._lock:
            ends, key = self._sessions.get(_digest(token or ""), (0.0, None))
        return key if ends > self._clock() else None


def require(role: Role) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who holds a key of that role, or of one that may do more."""

    async def allowed(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
    ) -> Caller:
        access: Access = request.app.state.access
        return access.caller(request, bearer.credentials if bearer else header, role)

    return allowed


async def require_page(request: Request) -> None:
    """A dependency for all of the page: its session, or a key, may manage."""
    if not request.url.path.startswith(OPEN_PAGES):
        access: Access = request.app.state.access
        access.caller(request, None, "manage")


# ---------------------------------------------------------------- browsers
def refuse_rebinding(host: str, names: frozenset[str]) -> None:
    """Problem 421 where a browser was led here under a name that is not this server's.

    DNS rebinding needs a name, so that every address may stand in the Host header.
    """
    name = _split(f"//{host}").hostname or ""
    if name == "localhost" or name in names or _is_address(name):
        return
    raise Problem(
        421, f"{name!r:.60} is no name of this server; it may be given when it is started"
    )


def refuse_foreign(method: str, host: str, headers: dict[str, str]) -> None:
    """Problem 403 where a page of somebody else makes a browser change something here."""
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    foreign = site is not None and site not in ("same-origin", "none")
    if foreign or (origin is not None and _split(origin).netloc != host):
        raise Problem(403, "A page of another site asked for this; open the server's own page")


def _split(address: str) -> SplitResult:
    """The parts of an address; none where it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
