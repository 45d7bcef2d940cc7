"""What HTTP, CompreFace's endpoints and the page ask for. Nothing here knows of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from knownface.errors import KnownfaceError
from knownface.recognition.living import Change, LivingGallery, Receipt, SeenPhoto
from knownface.recognition.living.enrolling import choose_faces
from knownface.recognition.recognizer import Recognizer
from knownface.server.batches import Batches
from knownface.server.problems import Problem
from knownface.server.recent import Recent
from knownface.server.settings import Settings


class Service:
    """A recogniser that many ask at once.

    recognizer: loaded from a folder, and follows what changes there. gallery: who is known.
    recent: the faces that were seen lately.
    """

    def __init__(self, recognizer: Recognizer, settings: Settings) -> None:
        if recognizer.folder is None:
            raise KnownfaceError("a recogniser that was never saved cannot be served; save it")
        self.recognizer, self.settings = recognizer, settings
        self.gallery = LivingGallery(recognizer.folder)
        self.recent = Recent()
        self.batches = Batches(self._see, settings.waiting, settings.waiting_each)

    # ------------------------------------------------------------ recognising
    async def recognize(self, photo: bytes, source: str, client: str = "") -> SeenPhoto:
        """Every face of a photo; one that cannot be read carries its error.

        source: the photo's name. client: who asks. Raises Busy where it cannot be taken now, and
        Problem where it is larger, or shows more faces, than the settings allow.
        """
        return (await self.recognize_all([(photo, source)], client))[0]

    async def recognize_all(
        self, photos: Sequence[tuple[bytes, str]], client: str = ""
    ) -> list[SeenPhoto]:
        """The same of several photos, each with its name, in order: all are taken, or none."""
        try:
            async with asyncio.timeout(self.settings.seconds):
                found = await self.batches.see([photo for photo, _ in photos], client)
        except TimeoutError:
            raise Problem(503, "The photos took too long; ask again in a moment", 5) from None
        return [_named(seen, name) for seen, (_, name) in zip(found, photos, strict=True)]

    def _see(self, photos: Sequence[bytes]) -> Iterator[SeenPhoto]:
        self.recognizer.follow()
        return self.recognizer.see_photos(photos)

    # ------------------------------------------------------------ changing
    async def enroll(
        self, name: str, photos: Sequence[tuple[bytes, str]], actor: str, client: str = ""
    ) -> Change:
        """Add photos of somebody, each with its name. Raises KnownfaceError."""
        seen = await self.recognize_all(photos, client)
        return await asyncio.to_thread(self._enroll, name, seen, actor)

    def _enroll(self, name: str, seen: Sequence[SeenPhoto], actor: str) -> Change:
        known = self.gallery.read().gallery
        row = known.people.index(name) if name in known.people else -1
        faces, notes = choose_faces(seen, known.embeddings[known.labels == row])
        if not faces:
            raise KnownfaceError(notes[0] if notes else "give a photo to enroll")
        change = self.gallery.enroll(name, faces, actor)
        return replace(change, warnings=(*notes, *change.warnings))

    def forget(self, who: str | int, actor: str) -> Receipt:
        """Erase every trace of somebody, also of the last hour in memory."""
        receipt = self.gallery.forget(who, actor)
        self.recent.clear()
        return receipt

    def close(self) -> None:
        """Answer what waits, and end."""
        self.batches.close()


def _named(seen: SeenPhoto, name: str) -> SeenPhoto:
    """The photo under its name, instead of none."""
    said = seen.recognition
    error = said.error.replace("the image data", name, 1) if said.error else None
    faces = tuple(replace(face, source=name) for face in seen.faces)
    return SeenPhoto(replace(said, path=name, error=error), faces)
