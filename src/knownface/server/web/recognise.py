"""The screen Recognise: photos become faces with names, and a wrong name is corrected in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool

from knownface.errors import KnownfaceError
from knownface.faces.photo import open_photo
from knownface.pages.pictures import embedded
from knownface.server.problems import Problem
from knownface.server.uploads import read_form
from knownface.server.web import words
from knownface.server.web.frame import (
    ACTOR,
    Screen,
    client_of,
    fragment,
    from_script,
    lead,
    page,
    service_of,
)
from knownface.server.web.notices import Notice
from knownface.server.web.pictures import cut, inside

if TYPE_CHECKING:
    from knownface.recognition.living.records import Change, SeenPhoto
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import RecognizedFace
    from knownface.server.service import Service

SUGGESTIONS = 3  # as many as have a key
PREVIEW = 1280  # pixels on the longer side: sharp in half the width of a large screen
TAG = 1 / 36  # of the preview's longer side: the size of a name on it

router = APIRouter(route_class=Screen)


@dataclass(frozen=True)
class FaceView:
    """One face of a photo, counted from the left.

    box: x, y, width, height in pixels of the preview, in which it lies; portrait: the address of
        its picture.
    """

    token: str
    number: int
    count: int
    face: RecognizedFace
    place: str
    box: tuple[float, float, float, float]
    portrait: str
    suggestions: Sequence[str]

    @property
    def answer(self) -> str:
        return words.answer(self.face)

    @property
    def sureness(self) -> str:
        return words.sureness(self.face)

    @property
    def remark(self) -> str:
        return words.remark(self.face)

    @property
    def label(self) -> str:
        """All of it in a line, for who does not see it."""
        said = ", ".join(filter(None, (self.answer, self.sureness)))
        number = f"Face {self.number} of {self.count}"
        return f"{number}: {said}; {self.face.similarity:.2f}, {self.place}"


@dataclass(frozen=True)
class PhotoView:
    """One photo as the screen shows it; problem: why it could not be read."""

    name: str
    faces: Sequence[FaceView] = ()
    preview: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""

    @property
    def tag(self) -> float:
        return max(self.size) * TAG

    @property
    def summary(self) -> str:
        if self.problem:
            return self.problem
        if not self.faces:
            return "No face found."
        names = [each.answer if each.face.name else each.answer.lower() for each in self.faces]
        if len(names) == 1:
            return f"One face: {names[0]}."
        if len(set(names)) == 1:
            return f"{len(names)} faces, {'both' if len(names) == 2 else 'all'} {names[0]}."
        return f"{len(names)} faces, from left to right: {words.in_a_row(names)}."


# ---------------------------------------------------------------- looking
@router.get("/")
def recognise(request: Request) -> Response:
    return page(
        request, "recognise.html.jinja", photos=[], people=service_of(request).gallery.names()
    )


@router.post("/")
async def look(request: Request) -> Response:
    """Each photo with its faces: as parts for the script, else as a whole screen."""
    service = service_of(request)
    sent = await read_form(request, service.settings, "photo")
    photos = [await _seen(request, *photo) for photo in sent.photos if photo[0]]
    people = await run_in_threadpool(service.gallery.names)
    if from_script(request):
        return fragment("photos.html.jinja", photos=photos, people=people)
    return page(request, "recognise.html.jinja", photos=photos, people=people)


async def _seen(request: Request, data: bytes, name: str) -> PhotoView:
    service = service_of(request)
    try:
        seen = await service.recognize(data, name, client_of(request))
        if seen.recognition.error:
            return PhotoView(name, problem=_problem(seen.recognition.error, name))
        return await run_in_threadpool(_view, service, seen, data, name)
    except Problem as problem:
        if from_script(request):  # which knows how to wait
            raise
        return PhotoView(name, problem=str(problem))


def _problem(error: str, name: str) -> str:
    """The reader's sentence, without the name that the screen shows above it."""
    said = re.sub(r"^[^:]*: ", "", error.removeprefix(f"{name}: "))
    return said[:1].upper() + said[1:].rstrip(".") + "."


def _view(service: Service, seen: SeenPhoto, data: bytes, name: str) -> PhotoView:
    picture = open_photo(data).picture
    scale = min(1.0, PREVIEW / max(picture.width, picture.height))
    preview = picture.reduced(scale)
    tokens = service.recent.add(seen)
    found = zip(tokens, seen.recognition.faces, seen.faces, strict=True)
    row = sorted(found, key=lambda each: each[1].box[0] + each[1].box[2] / 2)
    size = (preview.shape[1], preview.shape[0])
    faces = []
    for number, (token, face, seen_face) in enumerate(row, 1):
        x, y, w, h = (scale * side for side in face.box)
        box = inside((x, y, w, h), *size)
        suggestions = _suggestions(service.recognizer, face, seen_face.embedding)
        place, portrait = words.place(box, size), embedded(cut(preview, box), 256)
        faces.append(FaceView(token, number, len(row), face, place, box, portrait, suggestions))
    return PhotoView(name, faces, embedded(preview, PREVIEW), size)


def _suggestions(recognizer: Recognizer, face: RecognizedFace, embedding: np.ndarray) -> list[str]:
    """The people most like a face, the one that it got the name of left out."""
    scores = recognizer.gallery.scores(embedding[None])[0]
    order = np.argsort(-scores, kind="stable")
    return [recognizer.people[i] for i in order if recognizer.people[i] != face.name][:SUGGESTIONS]


# ---------------------------------------------------------------- correcting
@router.post("/faces/{token}")
def correct(
    request: Request,
    token: str,
    is_: Annotated[str, Form(alias="is")] = "",
    name: Annotated[str, Form()] = "",
    not_: Annotated[str, Form(alias="not")] = "",
    nobody: Annotated[bool, Form()] = False,
) -> Response:
    """Say whose a face is (`is`, or `name` as it was typed), whose not, or that it is nobody's."""
    service = service_of(request)
    who = (is_ or name).strip()
    try:
        change = _corrected(service, token, who, not_, nobody)
    except KnownfaceError as error:
        notice = Notice(words.sentence(error), problem=True)
        if from_script(request):
            return fragment("notice.html.jinja", 409, notice=notice, here="/")
        return lead(request, "/", notice)
    answer = who or ("Nobody you know" if nobody else f"Not {not_}")
    notice = Notice.of(change)
    if not from_script(request):
        return lead(request, "/", notice)
    return fragment("corrected.html.jinja", answer=answer, notice=notice, here="/")


def _corrected(service: Service, token: str, who: str, not_: str, nobody: bool) -> Change:
    gallery = service.gallery
    try:
        face = service.recent.face(token)
    except KnownfaceError:
        raise KnownfaceError("This face was seen too long ago. Look at the photo again.") from None
    if who:
        return gallery.correct(face, is_=who, actor=ACTOR)
    if nobody:
        return gallery.correct(face, nobody=True, actor=ACTOR)
    if not_:
        return gallery.correct(face, not_=not_, actor=ACTOR)
    raise KnownfaceError("No name was given: type one, or choose a person")
