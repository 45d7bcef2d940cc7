"""The artifact: an embedder, a gallery and a threshold that name the faces in a photo."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from knownface.embed.embedder import BATCH, Embedder
from knownface.errors import KnownfaceError
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.faces.face import Crop, PhotoFaces
from knownface.faces.photo import read_image
from knownface.options import FacesMode, Precision
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.gallery import Gallery
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.threshold import Threshold

FORMAT_VERSION = 1
# Of 14-pixel faces, the frozen MobileFaceNet identifies 67 %, and 7 % at 1 % false accepts: too
# little to name anyone.
SMALLEST_FACE = 14.0


@dataclass
class Recognizer:
    """Names faces: detect, align, embed, match, threshold.

    faces: whether photos are searched for faces or are ready crops, as in training.
    about: what the artifact records besides: backbone, detector, licence, recipe, versions.
    """

    embedder: Embedder
    gallery: Gallery
    crop: Crop
    threshold: Threshold
    faces: FacesMode = "detect"
    about: dict[str, Any] = field(default_factory=dict)
    _cropper: FaceCropper | None = field(default=None, repr=False)

    @property
    def people(self) -> tuple[str, ...]:
        return self.gallery.people

    def cropper(self, track: Track = silent) -> FaceCropper:
        """Reads photos as they were read in training; the detector loads on first use."""
        if self._cropper is None:
            known = self.about.get("detector")
            detector = load_detector(track, known) if self.faces == "detect" else None
            self._cropper = FaceCropper(self.crop, detector)
        return self._cropper

    # ------------------------------------------------------------ recognising
    def recognize(self, source: str | os.PathLike[str] | bytes | np.ndarray) -> Recognition:
        """Name every face of a photo: a path, the bytes of a file, or an RGB uint8 array.

        Raises ImageError where it cannot be read.
        """
        image = source if isinstance(source, np.ndarray) else read_image(source)
        path = "" if isinstance(source, np.ndarray | bytes) else str(source)
        faces, crops = self.cropper().crop_image(image)
        return self._named([PhotoFaces(Path(path), faces, crops)])[0]

    def recognize_photos(
        self, paths: Sequence[Path], track: Track = silent
    ) -> Iterator[Recognition]:
        """Name every face of many photos, in order; an unreadable photo carries its error."""
        waiting: list[PhotoFaces] = []
        for photo in self.cropper(track).crop_photos(paths, track, "Recognizing"):
            waiting.append(photo)
            if sum(len(p.faces) for p in waiting) >= BATCH or len(waiting) >= 2 * BATCH:
                yield from self._named(waiting)
                waiting = []
        yield from self._named(waiting)

    def _named(self, photos: Sequence[PhotoFaces]) -> list[Recognition]:
        if not photos:
            return []
        embeddings = self.embedder.embed(np.concatenate([photo.crops for photo in photos]))
        best, similarity = self.gallery.match(embeddings)
        results, row = [], 0
        for photo in photos:
            faces = []
            for face in photo.faces:
                score = float(similarity[row])
                reason = None if score >= self.threshold.value else "unknown"
                if min(face.box[2:]) < SMALLEST_FACE:
                    reason = "too poor"
                name = None if reason else self.people[best[row]]
                faces.append(RecognizedFace(face.box, name, score, reason))
                row += 1
            results.append(Recognition(str(photo.path), tuple(faces), photo.error))
        return results

    # ------------------------------------------------------------ files
    def save(self, folder: Path) -> None:
        """Write a self-contained folder; files of the network are copied from the embedder's."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("embedder.onnx", "embedder.keras"):
            origin = self.embedder.path.with_name(name)
            if origin.is_file() and origin.parent.resolve() != folder.resolve():
                shutil.copyfile(origin, folder / name)
        document = {
            "format_version": FORMAT_VERSION,
            "people": list(self.people),
            "threshold": asdict(self.threshold),
            "crop": asdict(self.crop),
            "faces": self.faces,
            **self.about,
        }
        self.gallery.save(folder / ".gallery.npz")
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / ".recognizer.json").write_text(text + "\n", encoding="utf-8")
        (folder / ".gallery.npz").replace(folder / "gallery.npz")
        (folder / ".recognizer.json").replace(folder / "recognizer.json")

    @classmethod
    def given(cls, recognizer: Recognizer | str | Path, device: str = "auto") -> Recognizer:
        """One that is loaded already, or read from its folder."""
        if isinstance(recognizer, Recognizer):
            return recognizer
        return cls.load(recognizer, device)

    @classmethod
    def load(
        cls, folder: str | Path, device: str = "auto", precision: Precision = "auto"
    ) -> Recognizer:
        """Read a recognizer folder, or the run folder around it; KnownfaceError says why not."""
        folder = artifact_folder(Path(folder))
        path = folder / "recognizer.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            version = document.pop("format_version")
            people = tuple(document.pop("people"))
            threshold = Threshold(**document.pop("threshold"))
            crop = Crop(**document.pop("crop"))
            faces: FacesMode = document.pop("faces")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise KnownfaceError(
                f"{path}: not a usable recognizer ({error}); train again"
            ) from None
        if version != FORMAT_VERSION:
            raise KnownfaceError(
                f"{path}: format version {version}, and this knownface reads {FORMAT_VERSION}; "
                "upgrade knownface or train again"
            )
        gallery = Gallery.load(folder / "gallery.npz")
        if gallery.people != people:
            raise KnownfaceError(f"{folder}: gallery.npz and recognizer.json name different people")
        embedder = Embedder(folder / "embedder.onnx", device, precision)
        return cls(embedder, gallery, crop, threshold, faces, document)
