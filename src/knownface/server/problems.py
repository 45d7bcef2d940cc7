"""Errors over HTTP, as RFC 9457 has them: `application/problem+json`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from knownface.errors import KnownfaceError

MEDIA = "application/problem+json"


class Problem(KnownfaceError):
    """A request that is refused: status, one sentence, and headers besides.

    retry_after: seconds after which it may be taken.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "about:blank", "title": self.title, "status": self.status,
            "detail": self.detail,
        }  # fmt: skip


class Busy(Problem):
    """More was asked than can be done: 429 where one client asks too much, 503 where all do."""

    STATUSES = (429, 503)


@contextmanager
def refused_as(status: int) -> Iterator[None]:
    """What the library refuses meanwhile is a problem of that status: 404 or 409, mostly."""
    try:
        yield
    except Problem:
        raise
    except KnownfaceError as error:
        raise Problem(status, str(error)) from None
