"""Same person or not: pairs of photos, and the published protocols that test it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knownface import metrics
from knownface.crops import FaceCropper, PhotoFaces
from knownface.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.images import SUFFIXES, ImageError
from knownface.progress import Track, silent

FARS = (0.001, 0.01, 0.1)
FOLDS = 10  # of the LFW protocol; a list with one set, such as view 1, is divided in turn


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one person, at a threshold whose false-accept rate is known."""

    same: bool
    similarity: float
    threshold: float
    far: float


@dataclass(frozen=True)
class Pairs:
    """n pairs of photos by index into `paths`; same: (n,) bool; folds: (n,) fold numbers."""

    paths: tuple[Path, ...]
    left: np.ndarray
    right: np.ndarray
    same: np.ndarray
    folds: np.ndarray


@dataclass(frozen=True)
class Benchmark:
    """The result of a verification protocol; `skipped` pairs had a photo without a usable face."""

    accuracy: float
    accuracy_std: float
    folds: list[float]
    eer: float
    tar_at_far: dict[str, float]
    pairs: int
    skipped: int
    threshold: float


def verify(
    first: Path,
    second: Path,
    cropper: FaceCropper,
    embedder: Embedder,
    threshold: float,
    far: float,
) -> Verification:
    """Compare the largest face of two photos; raises ImageError where one has none."""
    crops = []
    for path in (first, second):
        photo = cropper.crop_photo(path)
        if photo.error:
            raise ImageError(photo.error)
        if not photo.faces:
            raise ImageError(f"{path}: no face found; crop closer, or say --faces cropped")
        crops.append(photo.crops[0])
    one, other = embedder.embed(np.stack(crops))
    similarity = float(one @ other)
    return Verification(similarity >= threshold, similarity, threshold, far)


def impostor_threshold(embeddings: np.ndarray, labels: np.ndarray, far: float) -> float:
    """The 1:1 threshold at a false-accept rate, over all pairs of different people."""
    similarity = embeddings @ embeddings.T
    different = np.triu(labels[:, None] != labels[None, :], 1)
    if not different.any():
        raise KnownfaceError("a threshold needs photos of at least two people")
    return metrics.threshold_at_far(similarity[different], far)


# ---------------------------------------------------------------- protocols
def read_pairs(file: Path, images: Path) -> Pairs:
    """A pair list in the LFW format: `name i j` for one person, `name i other j` for two.

    The first line is the number of pairs of each kind, after the number of folds if there are
    several. Raises KnownfaceError naming the line that cannot be used.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnownfaceError(f"{file}: not a readable pair list ({error})") from None
    header = lines[0].split() if lines else []
    if len(header) not in (1, 2) or not all(part.isdigit() for part in header):
        raise KnownfaceError(
            f"{file}, line 1: expected the number of pairs, or of folds and pairs, as in LFW's "
            f"pairs.txt, not '{lines[0] if lines else ''}'"
        )
    numbers: dict[Path, int] = {}
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) not in (3, 4) or not cells[1].isdigit() or not cells[-1].isdigit():
            raise KnownfaceError(
                f"{file}, line {number}: expected 'name i j' or 'name i other j', not '{line}'"
            )
        other = cells[0] if len(cells) == 3 else cells[2]
        pair = [_photo(images, cells[0], cells[1]), _photo(images, other, cells[-1])]
        rows.append([*(numbers.setdefault(path, len(numbers)) for path in pair), len(cells) == 3])
    if not rows:
        raise KnownfaceError(f"{file}: no pairs in it")
    left, right, same = np.array(rows, np.int64).T
    folds = _folds(len(rows), header, same)
    return Pairs(tuple(numbers), left, right, same.astype(bool), folds)


def _folds(pairs: int, header: list[str], same: np.ndarray) -> np.ndarray:
    """Published folds where the list has them; otherwise each kind is dealt out in turn."""
    if len(header) == 2:
        return np.arange(pairs) // (2 * int(header[1]))
    folds = np.zeros(pairs, np.int64)
    for kind in (0, 1):
        rows = np.flatnonzero(same == kind)
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _photo(images: Path, name: str, number: str) -> Path:
    """`images/name/name_0001.jpg`, whatever the suffix; .jpg where there is none."""
    stem = images / name / f"{name}_{int(number):04d}"
    path = stem.with_name(stem.name + ".jpg")
    if not path.is_file():
        others = (stem.with_name(stem.name + suffix) for suffix in sorted(SUFFIXES))
        path = next((other for other in others if other.is_file()), path)
    return path


def run_benchmark(
    pairs: Pairs, cropper: FaceCropper, embedder: Embedder, track: Track = silent
) -> Benchmark:
    """The LFW protocol: in a photo with several faces, the one nearest its centre is meant."""
    photos = list(cropper.crop_photos(pairs.paths, track))
    usable = np.array([bool(photo.faces) for photo in photos])
    if not usable.any():
        reason = photos[0].error or f"{photos[0].path}: no face found"
        raise KnownfaceError(f"None of {len(photos)} photos can be used; the first: {reason}")
    central = np.stack([photo.crops[_central(photo)] for photo in photos if photo.faces])
    found = embedder.embed(central)
    embeddings = np.zeros((len(photos), found.shape[1]), np.float32)
    embeddings[usable] = found
    kept = usable[pairs.left] & usable[pairs.right]
    left, right, same = pairs.left[kept], pairs.right[kept], pairs.same[kept]
    if same.all() or not same.any() or len(np.unique(pairs.folds[kept])) < 2:
        raise KnownfaceError("too few usable pairs: the protocol needs both kinds, in two folds")
    scores = np.sum(embeddings[left].astype(np.float64) * embeddings[right], axis=1)
    accuracies, thresholds = metrics.cross_validated_accuracy(scores, same, pairs.folds[kept])
    return Benchmark(
        accuracy=float(accuracies.mean()),
        accuracy_std=float(accuracies.std()),
        folds=accuracies.tolist(),
        eer=metrics.equal_error_rate(scores, same),
        tar_at_far={f"{far:g}": metrics.tar_at_far(scores, same, far) for far in FARS},
        pairs=len(scores),
        skipped=int((~kept).sum()),
        threshold=float(thresholds.mean()),
    )


def _central(photo: PhotoFaces) -> int:
    """The face whose centre is nearest to that of the photo."""
    assert photo.size is not None
    middle = np.array(photo.size) / 2
    centres = [(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in photo.faces]
    return int(np.linalg.norm(np.array(centres) - middle, axis=1).argmin())
