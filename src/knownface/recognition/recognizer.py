"""The artifact: an embedder, a gallery and a threshold that name the faces in a photo."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import Any

import numpy as np

from knownface.embed.embedder import Embedder, Mirrored
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import NOWHERE, FaceCropper, load_cropper
from knownface.faces.face import Crop, Face
from knownface.faces.photo import ImageError, Source, path_of
from knownface.files.committed import changed_folder, check_file
from knownface.options import FacesMode, Precision
from knownface.progress import Track, silent
from knownface.recognition.about import About
from knownface.recognition.answers import Limits, answers, in_doubt
from knownface.recognition.artifact import GALLERY, PLAIN, RECORD, TEMPLATES, artifact_folder
from knownface.recognition.comparison import COMPARISON, Comparison, for_programs
from knownface.recognition.confidence import Confidence
from knownface.recognition.gallery import Gallery
from knownface.recognition.living.records import SeenFace, SeenPhoto
from knownface.recognition.living.shared import changes_of, read_gallery
from knownface.recognition.living.writing import Kept, write_gallery
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.record import Artifact, Decision, unusable
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.seeing import embed_portraits, seen_photos, with_small
from knownface.recognition.threshold import Threshold
from knownface.runtime.network import joined

ONNX, KERAS, DETECTOR = "embedder.onnx", "embedder.keras", "detector"
# Files of the network by format.
NETWORKS = {
    "onnx": (ONNX,), "openvino": ("embedder.xml", "embedder.bin"), "litert": ("embedder.tflite",),
}  # fmt: skip
_loading = RLock()
os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)


@dataclass(repr=False)
class Recognizer:
    """Names faces: detect, align, embed, match, threshold; from any number of threads.

    It pickles, so that a pool of processes can share the work.
    faces: whether photos are searched for faces or are ready crops, as in training.
    about: how it was made. confidence: assumed from the threshold where it is None.
    detector: the file of the detector that `about` names, which the folder carries; None where
        that one has none, or where it is to be found or fetched.
    folder: where it was read from; number: of the changes that its gallery there had, see `follow`.
    recognizability: what tells faces that show too little from unknown people, if it is known.
    Raises KnownfaceError where the gallery is of another network.
    """

    embedder: Embedder
    gallery: Gallery
    crop: Crop
    threshold: Threshold
    faces: FacesMode = "detect"
    about: About = field(default_factory=About)
    confidence: Confidence | None = None
    detector: Path | None = None
    recognizability: Recognizability | None = None
    folder: Path | None = None
    number: int = 0
    _cropper: FaceCropper | None = None

    def __post_init__(self) -> None:
        width = self.gallery.templates.shape[1]
        if width != self.embedder.width:
            raise KnownfaceError(
                f"{self.embedder.path}: gives {self.embedder.width} numbers per face, and the "
                f"gallery has {width}; it is another network's: enroll the people again"
            )
        known = self.recognizability
        if known is not None and len(known.centre) != width:
            raise KnownfaceError(
                f"{self.embedder.path}: gives {width} numbers per face, and what shows nobody was "
                f"measured with {len(known.centre)}; train again"
            )
        if self.gallery.contract != self.embedder.contract(self.crop):
            raise KnownfaceError(
                f"{self.embedder.path}: not the network, or not the crops, that the gallery's "
                f"{len(self.people)} people were enrolled with; enroll them again"
            )

    def __repr__(self) -> str:
        network = self.about.backbone_name or self.embedder.path.name
        threshold = f"threshold {self.threshold.value:.3f}"
        return f"Recognizer({len(self.people)} people, {network}, {threshold})"

    @property
    def people(self) -> tuple[str, ...]:
        return self.gallery.people

    def cropper(self, track: Track = silent) -> FaceCropper:
        """Reads photos as they were read in training; the detector loads on first use."""
        with _loading:
            if self._cropper is None:
                self._cropper = load_cropper(
                    self.crop, self.faces, track,
                    detector=self.about.detector, detector_file=self.detector,
                )  # fmt: skip
            return self._cropper

    @property
    def mirrored(self) -> bool:
        """Whether photos are seen mirrored, too: where more is known of the network than itself.

        Of 100 faces of people with one photo each, about two more are named at the same
        false-accept rate, for 7 to 21 % of a photo's time (docs/comparison.md). Videos go without.
        """
        return self.gallery.comparison is not None

    def pipeline(self, track: Track = silent) -> FacePipeline:
        """How photos become embeddings that the gallery can be asked about."""
        return FacePipeline(self.cropper(track), self.embedder, self.mirrored)

    @property
    def _corrected(self) -> bool:
        """Whether anything was said of single faces: it holds for these very photos, and for what
        looks just like them.
        """
        said = self.gallery.corrections
        return said is not None and said.anything

    @property
    def _mirrored_to_name(self) -> Mirrored:
        """Which faces are seen mirrored, too, to name them: where that may change the name."""
        if self._corrected or not self.mirrored:
            return self.mirrored
        return partial(in_doubt, self.gallery, self.threshold.value)

    def _naming(self, track: Track = silent) -> FacePipeline:
        """`pipeline`, without what no name depends on: for faces that are to be named only."""
        pipeline = self.pipeline(track)
        return pipeline if self._corrected else pipeline.only_faces(self._mirrored_to_name)

    # ------------------------------------------------------------ recognising
    def recognize(self, source: Source) -> Recognition:
        """Name every face of a photo, given as `open_photo` takes it.

        Raises ImageError where it cannot be read.
        """
        pipeline = self._naming()
        photo = pipeline.cropper.crop_photo(source)
        if photo.error:
            raise ImageError(photo.error)
        embeddings = pipeline.embedder.embed(photo.crops, mirrored=pipeline.mirrored)
        named = self._named(photo.faces, photo.crops, embeddings, photo.digest)
        return Recognition(str(path_of(source) or ""), named, size=photo.size)

    def recognize_photos(
        self, paths: Sequence[Source], track: Track = silent, pixels: bool = False
    ) -> Iterator[Recognition]:
        """Name every face of many photos, in order; an unreadable photo carries its error.

        pixels: each answer carries its photo's pixels, so that it need not be read again.
        """
        for each in self._naming(track).embed_photos(paths, track, "Recognizing", pixels=pixels):
            photo = each.photo
            faces = self._named(photo.faces, photo.crops, each.embeddings, photo.digest)
            path = str(photo.path) if photo.path != NOWHERE else ""
            yield Recognition(path, faces, photo.error, photo.pixels, photo.size)

    def see(self, source: Source) -> SeenPhoto:
        """Name every face of a photo, so that each can be enrolled or corrected.

        One that cannot be read carries its error.
        """
        return next(self.see_photos([source]))

    def see_photos(self, sources: Sequence[Source], track: Track = silent) -> Iterator[SeenPhoto]:
        """The same of many photos, in order."""
        mirrored = self._mirrored_to_name
        pipeline = replace(self.pipeline(track), single=callable(mirrored))
        for each, faces in seen_photos(pipeline, sources, track):
            photo, embeddings = each.photo, each.embeddings
            if callable(mirrored) and each.single is not None:  # as `recognize_photos` names
                embeddings = np.where(mirrored(each.single)[:, None], embeddings, each.single)
            named = self._named(photo.faces, photo.crops, embeddings, photo.digest)
            path = str(photo.path) if photo.path != NOWHERE else ""
            yield SeenPhoto(Recognition(path, named, photo.error, size=photo.size), faces)

    def embed_portraits(
        self, portraits: Sequence[bytes], frames: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Embeddings (k, d) of kept faces, and what `Gallery.small` holds of them, if anything.

        frames: (k, 14), see `faces/portrait.py`.
        """
        return embed_portraits(self.embedder, self.crop, portraits, frames, self.mirrored)

    def with_small(self, faces: Sequence[SeenFace]) -> Sequence[SeenFace]:
        """Faces to be enrolled, each also as it looks with fewer pixels, if that is needed."""
        return with_small(faces, self.embedder, self.crop) if self.mirrored else faces

    def follow(self) -> bool:
        """Read who is known again, if that has changed in the folder; gives whether it has.

        Cheap where nothing has. From other threads, an answer is of before or of after.
        """
        path = self.folder and self.folder / GALLERY
        if path is None or changes_of(path) == self.number:
            return False
        known = read_gallery(path, self.gallery.comparison)
        if known.gallery.contract != self.gallery.contract:
            raise KnownfaceError(
                f"{self.folder}: another network's gallery lies there by now; load it again"
            )
        self.gallery, self.number = known.gallery, known.number
        return True

    def _named(
        self, faces: Sequence[Face], crops: np.ndarray, embeddings: np.ndarray, digest: str
    ) -> tuple[RecognizedFace, ...]:
        confidence = self.confidence or Confidence.assumed(self.threshold)
        limits = Limits(self.threshold.value, confidence, self.too_poor(embeddings), self.crop)
        return answers(self.gallery, limits, faces, crops, embeddings, digest)

    def too_poor(self, embeddings: np.ndarray) -> np.ndarray:
        """(k,) whether faces show too little for anybody to be recognised."""
        if self.recognizability is None:
            return np.zeros(len(embeddings), bool)
        return self.recognizability.too_poor(embeddings)

    # ------------------------------------------------------------ files
    def save(self, folder: str | Path, kept: Kept | None = None) -> None:
        """Write a self-contained folder, or change one, at once: it holds all of this or nothing.

        kept: what its gallery keeps of each face besides the embedding.
        Raises OSError where it cannot be written.
        """
        with TemporaryDirectory() as aside, changed_folder(Path(folder), RECORD) as change:
            exported = self.embedder.exported
            names = NETWORKS[exported.format if exported else "onnx"]
            files = zip(names, self.embedder.files, strict=True)
            if joined([change.add(*each) for each in files]) != self.embedder.digest:
                raise KnownfaceError(
                    f"{self.embedder.path}: another network lies there by now; load it again"
                )
            keras = self.embedder.path.with_name(KERAS)
            if keras.is_file():
                change.add(KERAS, keras)
            id = write_gallery(Path(aside) / GALLERY, self.gallery, kept)
            change.add(GALLERY, Path(aside) / GALLERY)
            known = self.gallery.comparison
            if known:
                known.write(Path(aside) / COMPARISON)
                change.add(COMPARISON, Path(aside) / COMPARISON)
            if exported:
                change.add(TEMPLATES, for_programs(self.gallery.ready))
            if exported and known:
                change.add(PLAIN, known.plain().astype("<f4").tobytes())
            if self.detector:
                change.add(f"{DETECTOR}/{self.detector.name}", self.detector)
            decision = Decision(
                list(self.people), self.threshold, self.crop, self.faces, self.confidence,
                self.recognizability, exported, id,
                known.networks if exported and known else None,
            )  # fmt: skip
            change.document = Artifact(Path(folder), decision, self.about, {}).to_json()

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
        tried: Any = None
        while True:
            known = Artifact.read(folder)
            try:
                return cls._read(known, device, precision)
            except KnownfaceError:
                if known == tried:
                    raise
                tried = known  # it may be saved just now: then the record has changed

    @classmethod
    def _read(cls, artifact: Artifact, device: str, precision: Precision) -> Recognizer:
        decision, files = artifact.decision, artifact.files
        exported = decision.exported
        if exported and exported.format == "litert":
            raise KnownfaceError(
                f"{artifact.folder}: exported for LiteRT, which knownface does not run; name the "
                "run that it was made from, or use a program such as examples/litert_names.py"
            )
        networks = NETWORKS[exported.format if exported else "onnx"]
        for name in (GALLERY, *networks):
            if name not in files:
                raise unusable(artifact.folder / RECORD, f"files lacks {name!r}")
        detector = comparison = None
        for name in files.keys() - {GALLERY, *networks}:
            path, digest = files[name]
            if name == KERAS and not path.exists():  # recognising can do without it
                continue
            check_file(path, digest)
            detector = path if name.startswith(f"{DETECTOR}/") else detector
            comparison = Comparison.read(path) if name == COMPARISON else comparison
        known = read_gallery(files[GALLERY][0], comparison)
        if known.id != decision.gallery:
            raise unusable(files[GALLERY][0], f"it is not the gallery of this {RECORD}")
        digest = joined([files[name][1] for name in networks])
        embedder = Embedder(
            files[networks[0]][0], device, precision, digest, exported, keep=True,
            second=comparison.second if comparison else None,
        )  # fmt: skip
        confidence = decision.confidence or Confidence.assumed(decision.threshold)
        return cls(
            embedder, known.gallery, decision.crop, decision.threshold, decision.faces,
            artifact.about, confidence, detector, decision.recognizability,
            artifact.folder, known.number,
        )  # fmt: skip
