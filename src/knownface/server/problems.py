"""Errors over HTTP, as RFC 9457 has them: `application/problem+json`."""

from __future__ import annotations

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

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }


class Busy(Problem):
    """More was asked than can be done: 429 where one client asks too much, 503 where all do."""
