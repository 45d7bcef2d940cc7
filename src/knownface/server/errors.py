"""What goes wrong in a request becomes a problem document, whatever it was."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from knownface.errors import GalleryError, KnownfaceError
from knownface.server.compreface import PREFIX, as_compreface
from knownface.server.problems import MEDIA, Problem

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    app.add_exception_handler(Exception, _fault)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(KnownfaceError, _refused)


def answer(problem: Problem, path: str) -> Response:
    """The answer to a request to that path: CompreFace's clients know its own shape alone."""
    if path.startswith(PREFIX):
        status, said = as_compreface(problem)
        return JSONResponse(said, status, problem.headers)
    return JSONResponse(problem.to_json(), problem.status, problem.headers, media_type=MEDIA)


def problem_of(error: Exception) -> Problem:
    """What to say of an error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, KnownfaceError):
        return Problem(503 if isinstance(error, GalleryError) else 422, str(error))
    if isinstance(error, RequestValidationError):
        return Problem(422, "; ".join(map(_complaint, error.errors()[:5])))
    if isinstance(error, HTTPException):
        detail = error.detail or HTTPStatus(error.status_code).description
        return Problem(error.status_code, str(detail), headers=dict(error.headers or {}))
    return Problem(500, f"A fault in knownface ({type(error).__name__}); please report it")


def wants_page(request: Request) -> bool:
    """Whether somebody looks at the answer in a browser."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _complaint(error: dict[str, object]) -> str:
    place = ".".join(str(each) for each in error.get("loc", ()))  # type: ignore[attr-defined]
    return f"{place}: {error.get('msg')}"


async def _refused(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == 401 and wants_page(request):
        return RedirectResponse(f"/login?to={quote(request.url.path)}", 303)
    return answer(problem, request.url.path)


async def _http(request: Request, error: Exception) -> Response:
    return answer(problem_of(error), request.url.path)


_invalid = _http


async def _fault(request: Request, error: Exception) -> Response:
    log.debug("a request that failed", exc_info=error)
    return answer(problem_of(error), request.url.path)
