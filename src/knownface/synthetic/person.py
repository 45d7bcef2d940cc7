"""An invented person: everything that stays the same from photo to photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.synthetic.model import FaceModel, soft_features

# Of invented people, 1 being that of real ones: with painted hair and light, the small network
# finds them more alike than those, and at 0.75 it took two of twenty for one person.
SPREAD = 1.25
LIMIT = 2.0  # coefficients beyond it, in standard deviations, give faces that look made up


@dataclass(frozen=True)
class HairStyle:
    """Lengths in units of the sheet.

    volume: how far hair stands off the skull; falls: down to which y it hangs at the sides;
    curl: 0 straight to 1 curly; fringe: how far it falls into the forehead; feminine: how
    often faces with soft features wear it, from 0 to 1.
    """

    volume: float
    falls: float
    curl: float
    fringe: float
    feminine: float


STYLES = (
    HairStyle(0.8, 46, 0.5, 0, 0.05),  # shaved to stubble
    HairStyle(3, 50, 0.2, 0, 0.05),
    HairStyle(6, 52, 0.1, 6, 0.15),
    HairStyle(9, 56, 0.1, 12, 0.3),
    HairStyle(9, 54, 0.9, 8, 0.2),
    HairStyle(24, 70, 1.0, 4, 0.5),
    HairStyle(9, 108, 0.1, 14, 0.95),
    HairStyle(8, 150, 0.2, 5, 1.0),
    HairStyle(12, 155, 0.5, 6, 1.0),
    HairStyle(4, 50, 0.1, 2, 0.9),  # tied at the back
)
HAIR_COLOURS = np.array(
    [
        [0.07, 0.06, 0.06], [0.12, 0.08, 0.06], [0.21, 0.13, 0.08], [0.33, 0.20, 0.11],
        [0.42, 0.20, 0.10], [0.62, 0.45, 0.26], [0.74, 0.60, 0.40],
    ],
    np.float32,
)  # fmt: skip
GREY = np.array([0.62, 0.61, 0.60], np.float32)


@dataclass(frozen=True)
class Person:
    """face: coefficients of the model's `people`; the rest is painted.

    width: half of the head's width; chin: its y; jaw: how square, all in units of the sheet.
    parting: x of the crown beside the middle. beard: 0 none, to 1 full. glasses: number of a
    frame, and how often it is worn. seed: for everything random that belongs to the person.
    """

    face: np.ndarray
    width: float
    chin: float
    jaw: float
    hairline: float
    hair: HairStyle
    hair_colour: np.ndarray
    parting: float
    beard: float
    age: float
    freckles: float
    moles: int
    glasses: int
    wears_glasses: float
    seed: tuple[int, ...]


def invent_person(model: FaceModel, seed: tuple[int, ...]) -> Person:
    """A random person, the same for the same seed."""
    rng = np.random.default_rng(seed)
    face = np.clip(rng.standard_normal(len(model.people)), -LIMIT, LIMIT) * SPREAD
    face = face.astype(np.float32)
    soft, light = soft_features(model, face)
    feminine = 1 / (1 + np.exp(-2.5 * soft))
    age = float(rng.beta(1.3, 2.5))
    likely = np.array([feminine * s.feminine + (1 - feminine) * (1 - s.feminine) for s in STYLES])
    hair = STYLES[rng.choice(len(STYLES), p=likely**2 / (likely**2).sum())]
    top = 2 + max(0.0, 5 * min(1.0, 0.5 + light))  # dark skin goes with dark hair
    colour = HAIR_COLOURS[int(rng.uniform(0, top))] * rng.uniform(0.85, 1.15)
    grey = min(max((age - 0.5) * 2.2, 0.0), 0.85)
    bearded = feminine < 0.4 and rng.random() < 0.5
    return Person(
        face=face,
        width=float(rng.uniform(40.5, 45.5) - 1.5 * (feminine - 0.5)),
        chin=float(rng.uniform(114, 122) - 3 * (feminine - 0.5)),
        jaw=float(rng.uniform(1.9, 2.9) - 0.5 * (feminine - 0.5)),
        hairline=float(rng.uniform(4, 14) - 10 * age * (1 - feminine)),
        hair=hair,
        hair_colour=colour + grey * (GREY - colour),
        parting=float(rng.uniform(-18, 18)),
        beard=float(rng.uniform(0.15, 1.0)) if bearded else 0.0,
        age=age,
        freckles=float(rng.random() ** 3 * (light > 0)),
        moles=int(rng.integers(0, 4)),
        glasses=int(rng.integers(0, 4)),
        wears_glasses=float(rng.choice([0.0, 0.05, 0.5, 0.95], p=[0.45, 0.25, 0.1, 0.2])),
        seed=seed,
    )
