"""The photos of a finished run, read again and split as they were."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knownface.cluster.indexed_faces import is_index
from knownface.cluster.indexed_people import people_of
from knownface.dataset.portraits import Portraits, collect_portraits
from knownface.dataset.split import halve_strangers
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.files.values import read_json
from knownface.measure.evaluation import Evaluation
from knownface.networks.zoo import BACKBONES
from knownface.options import argument
from knownface.progress import Track
from knownface.recognition.artifact import RECORD, artifact_folder
from knownface.recognition.confidence import Confidence, calibrate
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import Threshold

log = logging.getLogger(__name__)

UNFITTED = ("frozen", "head, columns")  # candidates whose network has seen none of the people


@dataclass(frozen=True)
class Run:
    """What a run folder says of how its recogniser was made and tested.

    training, testing: photos by name; fitted: whether the network was trained on these very people;
    weights: whether it began with the user's own.
    """

    folder: Path
    evaluation: Evaluation
    data: str
    strangers: str | None
    far_target: float
    weights: bool
    training: frozenset[str]
    testing: frozenset[str]

    @property
    def fitted(self) -> bool:
        return self.evaluation.recipe != "frozen" and self.evaluation.chosen not in UNFITTED

    @classmethod
    def read(cls, given: Path) -> Run:
        """The run folder itself, or the recogniser in it; KnownfaceError where there is none."""
        artifact = artifact_folder(given)
        folder = artifact.parent
        if artifact.name != "recognizer" or not (folder / "split.json").is_file():
            raise KnownfaceError(
                f"{given}: holds a recogniser without its run, and what is exported is tested on "
                f"the run's photos again; name the run folder, which holds split.json and "
                f"recognizer/{RECORD}"
            )
        try:
            options, split = (read_json(folder / name) for name in ("config.json", "split.json"))
            return cls(
                folder,
                Evaluation.load(folder / "evaluation.json"),
                str(options["data"]),
                options["strangers"],
                float(options["far_target"]),
                options["weights"] is not None,
                frozenset(split["train"]),
                frozenset(split["validation"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KnownfaceError(
                f"{folder}: config.json or split.json is damaged ({error}); train again"
            ) from None

    def located(self, data: str | Path | None, strangers: str | Path | None) -> Run:
        """With its photos where the user says they lie now; KnownfaceError where they are gone."""
        found = replace(
            self,
            data=str(data or self.data),
            strangers=None
            if not (strangers or self.strangers)
            else str(strangers or self.strangers),
        )
        for name, place in (("data", found.data), ("strangers", found.strangers)):
            if place is not None and not is_index(place) and not Path(place).is_dir():
                raise KnownfaceError(
                    f"{place}: the photos of {self.folder} lay there, and are needed to test what "
                    f"is exported; bring them back, or say where they are with "
                    f"{argument(name, ...)}"
                )
        return found


@dataclass(frozen=True)
class RunPhotos:
    """The photos of a run, and how its recogniser knew them.

    recognizer: of all photos that are enrolled and still there; enrolled: those, in the order of
        its gallery. training: which of them it was tested with. testing: what it was tested on;
        strangers: and whose rows helped to choose the threshold, and tested it.
    """

    run: Run
    recognizer: Recognizer
    enrolled: Portraits
    training: np.ndarray
    testing: Portraits
    strangers: Portraits | None
    for_threshold: np.ndarray
    untouched: np.ndarray

    def seen_by(self, embedder: Embedder, track: Track) -> RunPhotos:
        """The same photos, and the same recogniser, with another network in its place.

        Its gallery, and every limit, are made again as training made them.
        """
        enrolled, testing, strangers = self.enrolled, self.testing, self.strangers
        before, both = self.recognizer.gallery, self.recognizer.mirrored
        if embedder is not self.recognizer.embedder:
            enrolled = enrolled.embedded_by(embedder, track, both)
            testing = testing.embedded_by(embedder, track, both)
            strangers = strangers.embedded_by(embedder, track, both) if strangers else None
        if both:
            enrolled = enrolled.with_small(embedder, track)
        contract = embedder.contract(self.recognizer.crop)
        gallery = before.seen_by(enrolled.embeddings, contract, enrolled.small)
        found = replace(self, enrolled=enrolled, testing=testing, strangers=strangers)
        threshold, confidence = found.calibrated(gallery, self.recognizer.threshold, before)
        trained = enrolled.select(self.training)
        recognizer = replace(
            self.recognizer, embedder=embedder, gallery=gallery, threshold=threshold,
            confidence=confidence,
            recognizability=Recognizability.measure(
                embedder.embed, trained.crops, trained.embeddings
            ),
        )  # fmt: skip
        return replace(found, recognizer=recognizer)

    def as_tested(self) -> Recognizer:
        """With the photos of the training part alone, and a threshold of their own."""
        gallery = self.recognizer.gallery.only(self.training)
        threshold, confidence = self.calibrated(gallery, self.recognizer.threshold, gallery)
        return replace(self.recognizer, gallery=gallery, threshold=threshold, confidence=confidence)

    def calibrated(
        self, gallery: Gallery, earlier: Threshold, before: Gallery
    ) -> tuple[Threshold, Confidence]:
        """As training chose them.

        Where it chose by people left out while it trained, whom nobody has kept, the `earlier`
        threshold is carried over: to where similarities of the gallery `before` lie in this one.
        """
        run = self.run
        aside = self.strangers.embeddings[self.for_threshold] if self.strangers else None
        backbone = BACKBONES.get(self.recognizer.about.backbone_name)
        impostors = backbone.impostors if backbone and not run.weights else None
        if run.fitted and aside is None:
            x, y = (each.scores(each.embeddings).ravel() for each in (before, gallery))
            slope, shift = np.polyfit(x, y, 1)
            value = float(np.clip(slope * earlier.value + shift, -1, 1))
            threshold = replace(earlier, value=value)
            return threshold, Confidence.fit(gallery, threshold, np.zeros(0), False)
        return calibrate(gallery, aside, run.far_target, run.fitted, impostors)


def read_run_photos(run: Run, recognizer: Recognizer, track: Track) -> RunPhotos:
    """Read the photos of a run; crops that training cached are not made again.

    recognizer: of that run. Raises KnownfaceError where a person has no training photo left.
    """
    people, others = people_of(run.data, run.strangers)
    cropper = load_cropper(
        recognizer.crop, recognizer.faces, track, cache=True,
        detector=recognizer.about.detector, detector_file=recognizer.detector,
    )  # fmt: skip
    pipeline = FacePipeline.of_people(cropper, recognizer.embedder, recognizer.gallery.comparison)
    found = collect_portraits(people, pipeline, track)
    strangers = collect_portraits(others, pipeline, track) if others else None
    gallery = recognizer.gallery
    rows = {name: row for row, name in enumerate(found.photos)}
    kept = np.array(
        [
            i
            for i, (name, digest) in enumerate(zip(gallery.photos, gallery.digests, strict=True))
            if name in rows and found.digests[rows[name]] == digest
        ],
        np.int64,
    )
    training = np.flatnonzero([gallery.photos[i] in run.training for i in kept])
    _compare(run, gallery, kept, kept[training])
    if len(kept) < len(gallery.photos):
        recognizer = replace(recognizer, gallery=gallery.only(kept))
    tested = [row for row, name in enumerate(found.photos) if name in run.testing]
    return RunPhotos(
        run, recognizer, found.select(np.array([rows[gallery.photos[i]] for i in kept], np.int64)),
        training, found.select(np.array(tested, np.int64)), strangers, *halve_strangers(strangers),
    )  # fmt: skip


def _compare(run: Run, gallery: Gallery, kept: np.ndarray, training: np.ndarray) -> None:
    """Say what is gone; KnownfaceError where nothing of somebody is left to enroll."""
    gone = len(gallery.photos) - len(kept)
    present = np.bincount(gallery.labels[training], minlength=len(gallery.people))
    if not present.all():
        name = gallery.people[int(present.argmin())]
        raise KnownfaceError(
            f"{run.data}: the photos that {name} was enrolled with in {run.folder} are gone or "
            f"changed; bring them back, say where they are with {argument('data', ...)}, or train "
            "again"
        )
    if gone:
        log.warning(
            "%s: %d of %d enrolled photos are gone or changed; what is exported goes without them",
            run.data, gone, len(gallery.photos),
        )  # fmt: skip
