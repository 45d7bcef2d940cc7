"""What HTTP, CompreFace's endpoints and the page ask for. Nothing here knows of HTTP's forms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from knownface.errors import KnownfaceError
from knownface.faces.decode import opened
from knownface.pages.forgetting import write_again
from knownface.recognition.living.enrolling import choose_faces
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import Change, Receipt, SeenPhoto
from knownface.recognition.recognizer import Recognizer
from knownface.server.batches import Batches
from knownface.server.compreface import Collection
from knownface.server.metrics import Metrics
from knownface.server.outbox import Outbox
from knownface.server.problems import Problem
from knownface.server.recent import Recent
from knownface.server.settings import Settings
from knownface.server.telling import Event, events, tellers

log = logging.getLogger(__name__)

EXPIRING = 3600.0  # seconds from one look at what is too old to the next


class Service:
    """A recogniser that many ask at once; safe from many threads.

    recognizer: loaded from a folder, and follows what changes there. gallery: who is known.
    recent: the faces that were seen lately. metrics: numbers about all that. collection: who is
        known, as CompreFace lists it.
    Raises KnownfaceError where the settings name nobody who can be told.
    """

    def __init__(self, recognizer: Recognizer, settings: Settings) -> None:
        if recognizer.folder is None:
            raise KnownfaceError("a recogniser that was never saved cannot be served; save it")
        self.recognizer, self.settings = recognizer, settings
        self.gallery = LivingGallery(recognizer.folder, recognizer.with_small)
        self.recent, self.metrics = Recent(), Metrics()
        self.collection = Collection(self.gallery)
        self._tellers = tellers(settings.webhook, settings.mqtt)
        self._told: list[Outbox[Event]] = [
            Outbox(type(each).__name__.lower(), each.tell) for each in self._tellers
        ]
        self._memory = Outbox("memory", self._remember) if settings.keep_days else None
        self._outboxes: list[Outbox[Any]] = [*self._told]
        if self._memory:
            self._outboxes.append(self._memory)
        self.batches = Batches(
            self._see, settings.waiting, settings.waiting_each, self.metrics.batches.observe
        )
        self._gauges()

    def _gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("waiting_photos", "Photos that nobody has begun with.", lambda: self.batches.waiting)
        gauge("known_people", "People who are known.", lambda: len(self.recognizer.people))
        gauge(
            "lost_events", "Sightings that could not be told or remembered.",
            lambda: sum(each.dropped + each.failed for each in self._outboxes),
        )  # fmt: skip

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
        found = await self.look(photos, client)
        for seen in found:
            self._note(seen)
        return found

    async def look(self, photos: Sequence[tuple[bytes, str]], client: str = "") -> list[SeenPhoto]:
        """The same, of which nobody is told, and which is not remembered: photos to enroll."""
        if len(photos) > self.settings.photos:
            raise Problem(413, f"A request may have {self.settings.photos} photos; send fewer")
        try:
            async with asyncio.timeout(self.settings.seconds):
                found = await self.batches.see([photo for photo, _ in photos], client)
        except TimeoutError:
            raise Problem(503, "The photos took too long; ask again in a moment", 5) from None
        return [_named(seen, name) for seen, (_, name) in zip(found, photos, strict=True)]

    def _see(self, photos: Sequence[bytes]) -> Iterator[SeenPhoto | Problem]:
        """In a thread: the answer to each photo, or why there is none."""
        try:
            self.recognizer.follow()
        except KnownfaceError as error:
            yield from [Problem(503, str(error), 60)] * len(photos)
            return
        refused = [self._refusal(photo) for photo in photos]
        taken = [photo for photo, why in zip(photos, refused, strict=True) if not why]
        found = self.recognizer.see_photos(taken)
        for why in refused:
            yield why or self._bounded(next(found))

    def _refusal(self, photo: bytes) -> Problem | None:
        """Why a photo is not decoded; None also for what is no photo, which the reader says."""
        settings = self.settings
        if len(photo) > settings.photo_bytes:
            return Problem(413, f"A photo may have {settings.megabytes:g} MiB")
        size = "too many"
        try:
            head = opened(photo)
            size = f"{head.width} x {head.height}"
            if head.width * head.height <= settings.pixels:
                return None
        except Image.DecompressionBombError:
            pass
        except Exception:  # noqa: BLE001 - damaged files raise anything inside Pillow's decoders
            return None
        most = f"{settings.megapixels:g} million"
        return Problem(413, f"The photo has {size} pixels, and may have {most}; scale it down")

    def _bounded(self, seen: SeenPhoto) -> SeenPhoto | Problem:
        number, most = len(seen.faces), self.settings.faces
        if number <= most:
            return seen
        return Problem(422, f"The photo shows {number} faces, and may show {most}; cut it")

    def _note(self, seen: SeenPhoto) -> None:
        """Count it, remember it and tell it, as far as that was asked for; waits for nothing."""
        self.metrics.saw(seen)
        if self._memory and seen.faces:
            self._memory.put(seen)
        if self._told or self.settings.log_names:
            for event in events(seen):
                for outbox in self._told:
                    outbox.put(event)
                if self.settings.log_names:
                    log.info("seen", extra={"said": event})

    def _remember(self, seen: SeenPhoto) -> None:
        self.gallery.remember(seen, seen.recognition.path)

    # ------------------------------------------------------------ changing
    async def enroll(
        self, name: str, photos: Sequence[tuple[bytes, str]], actor: str, client: str = ""
    ) -> Change:
        """Add photos of somebody, each with its name. Raises KnownfaceError."""
        if not photos:
            raise KnownfaceError(
                "there is no photo; send the field `photo`, or a photo as the body"
            )
        seen = await self.look(photos, client)
        return await asyncio.to_thread(self._enroll, name, seen, actor)

    def _enroll(self, name: str, seen: Sequence[SeenPhoto], actor: str) -> Change:
        faces, notes = choose_faces(seen, self.gallery.embeddings_of(name))
        if not faces:
            raise KnownfaceError("; ".join(notes))
        return self.gallery.enroll(name, faces, actor).noting(notes)

    def forget(self, who: str | int, actor: str) -> Receipt:
        """Erase every trace of somebody, also in memory, and write the run's report again."""
        receipt = self.gallery.forget(who, actor)
        self.recent.clear()
        self.recognizer.follow()
        self.collection.read()
        return receipt.after(write_again(self.gallery.folder.parent))

    # ------------------------------------------------------------ all the time
    async def keep_expiring(self) -> None:
        """Erase what is older than it may become, now and then, for ever."""
        while True:
            try:
                await asyncio.to_thread(self.gallery.expire, self.settings.keep_days)
            except KnownfaceError as error:
                log.warning("What is too old could not be erased: %s", error)
            await asyncio.sleep(EXPIRING)

    def close(self) -> None:
        """Answer what waits, tell what is to be told, and end."""
        self.batches.close()
        for outbox in self._outboxes:
            outbox.close()
        for each in self._tellers:
            each.close()


def _named(seen: SeenPhoto, name: str) -> SeenPhoto:
    """The photo under its name, instead of none."""
    said = seen.recognition
    error = said.error.replace("the image data", name, 1) if said.error else None
    faces = tuple(replace(face, source=name) for face in seen.faces)
    return SeenPhoto(replace(said, path=name, error=error), faces)
