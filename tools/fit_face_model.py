"""Compute the face statistics of `knownface demo`: src/knownface/synthetic/faces.npz.

    python tools/fit_face_model.py OUT.npz TAR... [--seed 0]

Each TAR holds aligned 112 x 112 crops as `identity/photo.jpg`. Every crop is brought into dense
correspondence with the mean face, by its five landmarks and then by optical flow (the bootstrapping
of Vetter, Jones and Poggio, CVPR 1997: flow towards what the model itself makes of the crop). Shape
and shape-free texture are then analysed together, as in Cootes, Edwards and Taylor (ECCV 1998),
once between people (means of each person's photos) and once between the photos of one person.

On celeba.tar, cfp.tar and glint24.tar (6 minutes, 2 cores): 6,596 usable crops of 488 people; 48
directions explain 0.930 of the variance between 444 people's means, 40 explain 0.817 of the rest;
nobody makes up more than 0.099 of a direction between people. `check_face_model.py` looks for
people in the result.

What is stored is a mean and directions of variation, each mixed from hundreds of people: no photo,
no person's coefficients, no names. The log says how much of a direction any one person makes up.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from aligned_crops import files_by_person, pixels
from scipy.interpolate import RBFInterpolator

from knownface.faces.align import TEMPLATE_112
from knownface.faces.detectors import load_detector
from knownface.faces.picture import Picture
from knownface.synthetic.model import GRID, SIZE, face_mask

PHOTOS = 30  # per person at most, so that nobody with many photos dominates
FEWEST = 5  # a person's mean needs so many usable photos
PERSON_COMPONENTS = 48
PHOTO_COMPONENTS = 40
COMPONENTS = (4, 12, 30)  # of the model that each round of registration aims at
LARGEST_TURN = 7.0  # the nose tip's sideways distance from between the eyes, in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("tars", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    crops, people = read_crops(options.tars, np.random.default_rng(options.seed))
    landmarks = find_landmarks(crops)
    kept = usable(crops, landmarks)
    crops, people, landmarks = crops[kept], people[kept], landmarks[kept]
    print(f"{len(crops):,} usable crops of {len(np.unique(people))} people")
    flows = register(crops, landmarks)
    save(options.out, crops, people, landmarks, flows)


# ---------------------------------------------------------------- crops
def read_crops(tars: list[Path], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Up to PHOTOS crops of everybody: (n, 112, 112, 3) uint8 and a number per person."""
    crops: list[np.ndarray] = []
    people: list[int] = []
    for tar in tars:
        files = sorted(files_by_person(tar).items())
        for _, photos in files:
            person = people[-1] + 1 if people else 0
            chosen = rng.permutation(len(photos))[:PHOTOS]
            crops += [pixels(photos[i]) for i in chosen]
            people += [person] * len(chosen)
    return np.stack(crops), np.array(people)


def find_landmarks(crops: np.ndarray) -> np.ndarray:
    """(n, 5, 2) by YuNet; NaN where no face is found."""
    detector = load_detector()

    def find(crop: np.ndarray) -> np.ndarray:
        faces = detector.find_faces(Picture.of(crop))
        return faces[0].landmarks if faces else np.full((5, 2), np.nan)

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(find, crops)))


def usable(crops: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Faces that look ahead, in colour, sharp and without black corners: indices."""
    inside = face_mask() > 0.5
    turn = np.abs(landmarks[:, 2, 0] - landmarks[:, :2, 0].mean(1))
    far_off = np.linalg.norm(landmarks - TEMPLATE_112, axis=2).max(1)
    good = []
    for i, crop in enumerate(crops):
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        sharp = cv2.Laplacian(grey, cv2.CV_32F)[inside].std()
        colour = np.ptp(crop[inside].astype(np.float32), axis=1).mean()
        black = (crop.max(2) < 6)[inside].mean()
        seen = turn[i] < LARGEST_TURN and far_off[i] < 14 and black < 0.01
        if seen and sharp > 7 and colour > 12:
            good.append(i)
    return np.array(good)


# ---------------------------------------------------------------- registration
def register(crops: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(n, SIZE, SIZE, 2): where each pixel of the mean face lies in each crop, as displacement."""
    flows = from_landmarks(landmarks)
    for round_, components in enumerate(COMPONENTS):
        textures = pull_back(crops, flows)
        model = reconstructed(textures, components)
        with ThreadPoolExecutor() as pool:
            refined = list(pool.map(refine, textures, model, flows))
        residual = np.abs(textures.astype(np.float32) - model)[:, face_mask() > 0.5].mean()
        flows = np.stack(refined)
        print(f"round {round_ + 1}: mean distance of texture and model {residual:.2f} grey values")
    return flows


def from_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """Smooth displacements that take the mean landmarks to each crop's own."""
    corners = np.array(
        [[x, y] for x in (-20, 56, 132) for y in (-20, 56, 132) if (x, y) != (56, 56)]
    )
    anchors = np.concatenate([landmarks.mean(0), corners])
    basis = RBFInterpolator(anchors, np.eye(len(anchors)), smoothing=1.0)
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2)
    weights = basis(grid)[:, :5].astype(np.float32)  # the corners stay where they are
    moves = (landmarks - landmarks.mean(0)).astype(np.float32)
    return np.einsum("pk,nkc->npc", weights, moves).reshape(-1, SIZE, SIZE, 2)


def pull_back(crops: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """Shape-free textures (n, SIZE, SIZE, 3) uint8."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return np.stack(
        [
            cv2.remap(
                crop, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for crop, flow in zip(crops, flows, strict=True)
        ]
    )  # fmt: skip


def reconstructed(textures: np.ndarray, components: int) -> np.ndarray:
    """What a few principal components make of each texture: float32."""
    rows = textures.reshape(len(textures), -1).astype(np.float32)
    mean = rows.mean(0)
    rows -= mean
    basis = principal(rows, components)[0]
    return (rows @ basis.T @ basis + mean).reshape(textures.shape)


def refine(texture: np.ndarray, model: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Add the smooth part of the optical flow from the model's face to the texture."""
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    solver.setFinestScale(0)
    solver.setVariationalRefinementAlpha(60.0)
    step = solver.calc(contrast(model), contrast(texture), None)
    step = np.clip(cv2.GaussianBlur(step, (0, 0), 2.0), -5, 5) * face_mask(fade=12)[..., None]
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    moved = cv2.remap(flow, x + step[..., 0], y + step[..., 1], cv2.INTER_LINEAR)
    return step + moved


def contrast(image: np.ndarray) -> np.ndarray:
    """Grey, freed of light: (SIZE, SIZE) uint8 with even local brightness and contrast."""
    grey = cv2.cvtColor(np.clip(image, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    detail = grey.astype(np.float32) - cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 10)
    scale = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), 14)) + 6
    return np.clip(128 + 50 * detail / scale, 0, 255).astype(np.uint8)


# ---------------------------------------------------------------- statistics
def principal(rows: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (k, d), unit length, and standard deviations (k,) of centred rows (n, d)."""
    rng = np.random.default_rng(0)
    # Randomised range finder with power iterations (Halko, Martinsson and Tropp, 2011).
    sketch = rows @ rng.standard_normal((rows.shape[1], components + 12)).astype(np.float32)
    for _ in range(3):
        sketch = rows @ (rows.T @ np.linalg.qr(sketch)[0])
    _, values, basis = np.linalg.svd(np.linalg.qr(sketch)[0].T @ rows, full_matrices=False)
    return basis[:components], values[:components] / np.sqrt(len(rows))


def features(crops: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """One row per crop: displacements on the coarse grid, luma, chroma at half the size."""
    rows = []
    for texture, flow in zip(pull_back(crops, flows), flows, strict=True):
        ycc = cv2.cvtColor(texture.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
        chroma = cv2.resize(ycc[..., 1:], (SIZE // 2,) * 2, interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(flow, (GRID, GRID), interpolation=cv2.INTER_AREA)
        parts = coarse, ycc[..., 0], chroma
        rows.append(np.concatenate([part.ravel() for part in parts]))
    return np.stack(rows).astype(np.float32)


def save(
    out: Path, crops: np.ndarray, people: np.ndarray, landmarks: np.ndarray, flows: np.ndarray
) -> None:
    """Separate people from photos, and store both."""
    rows = features(crops, flows)
    kept = typical(rows)
    rows, people, landmarks = rows[kept], people[kept], landmarks[kept]
    mean = rows.mean(0)
    rows = (rows - mean) * inside_face()
    rows -= turned(rows, landmarks)
    rows[:, : GRID * GRID * 2] *= (weight := shape_weight(rows))
    persons, counts = np.unique(people, return_counts=True)
    persons = persons[counts >= FEWEST]
    means = np.stack([rows[people == person].mean(0) for person in persons])
    inside = np.flatnonzero(np.isin(people, persons))
    rest = rows[inside] - means[np.searchsorted(persons, people[inside])]
    print(f"{len(inside):,} crops of {len(persons)} people in the statistics")
    groups = {"mean": mean[None]}
    for name, data, count in (
        ("people", means - means.mean(0), PERSON_COMPONENTS),
        ("photos", rest, PHOTO_COMPONENTS),
    ):
        basis, deviations = principal(data, count)
        explained = (deviations**2).sum() / data.var(0).sum()
        shares = (data @ basis.T) ** 2
        shares /= shares.sum(0)
        if name == "people":
            print(f"largest share of one person in a direction: {shares.max():.3f}")
        print(f"{name}: {count} directions explain {explained:.3f} of the variance")
        groups[name] = basis * deviations[:, None]
        groups[name][:, : GRID * GRID * 2] /= weight
    write(out, groups)


def inside_face() -> np.ndarray:
    """Weights of the columns of `features`: hair and background do not count."""
    mask = face_mask(fade=6)
    small = np.repeat(cv2.resize(mask, (SIZE // 2,) * 2).ravel(), 2)
    return np.concatenate([np.ones(GRID * GRID * 2, np.float32), mask.ravel(), small])


def typical(rows: np.ndarray) -> np.ndarray:
    """Crops that 60 directions explain well: not those with dark glasses, hands, or bad flow."""
    centred = rows - rows.mean(0)
    basis = principal(centred, 60)[0]
    error = ((centred - centred @ basis.T @ basis) ** 2).sum(1)
    return np.flatnonzero(error < np.quantile(error, 0.9))


def turned(rows: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The part of each row that follows linearly from turning and nodding, read off the nose."""
    nose = landmarks[:, 2] - landmarks.mean(1)
    nose = (nose - nose.mean(0)).astype(np.float32)
    return nose @ np.linalg.lstsq(nose, rows, rcond=None)[0]


def shape_weight(rows: np.ndarray) -> float:
    """Makes displacements count as much as texture, as active appearance models do."""
    shape = GRID * GRID * 2
    return float(np.sqrt(rows[:, shape:].var(0).sum() / rows[:, :shape].var(0).sum()))


def write(out: Path, groups: dict[str, np.ndarray]) -> None:
    """int8 with a scale per direction; the mean as float16."""
    arrays = {}
    for name, data in groups.items():
        bounds = (GRID * GRID * 2, GRID * GRID * 2 + SIZE * SIZE)
        shape, luma, chroma = np.split(data, bounds, axis=1)
        parts = {
            "shape": shape.reshape(-1, GRID, GRID, 2),
            "luma": luma.reshape(-1, SIZE, SIZE),
            "chroma": chroma.reshape(-1, SIZE // 2, SIZE // 2, 2),
        }
        for part, values in parts.items():
            key = f"{name}_{part}"
            if name == "mean":
                arrays[key] = values.astype(np.float16)
                continue
            scale = np.abs(values).reshape(len(values), -1).max(1) / 127
            arrays[f"{key}_scale"] = scale.astype(np.float32)
            steps = scale.reshape(-1, *[1] * (values.ndim - 1))
            arrays[key] = np.rint(values / steps).astype(np.int8)
    np.savez_compressed(out, **arrays)
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
