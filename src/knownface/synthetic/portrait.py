"""One photo of an invented person: what happens to be different each time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from knownface.synthetic.accessories import (
    FRAME_COLOURS,
    FRAMES,
    paint_glasses,
    paint_hand,
    paint_hat,
    paint_mask,
)
from knownface.synthetic.camera import Pose, Shot, lit, pose_maps, posed, take
from knownface.synthetic.canvas import MIDDLE, over
from knownface.synthetic.head import Looks, paint_head
from knownface.synthetic.model import FaceModel
from knownface.synthetic.scene import paint_background, paint_torso

HARD = 0.3  # share of photos with one or two difficulties
DIFFICULTIES = (
    "turned", "turned", "dark", "backlight", "small", "blurred", "moved", "noisy", "sunglasses",
    "hand", "mask", "lamp", "hat", "face",
)  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """pixels: (height, width, 3) RGB uint8; quality: of the JPEG that it should become."""

    pixels: np.ndarray
    quality: int


def take_photo(model: FaceModel, looks: Looks, seed: tuple[int, ...]) -> Photo:
    """A random photo of one person, the same for the same seed."""
    rng = np.random.default_rng(seed)
    hard: set[str] = set()
    if rng.random() < HARD:
        hard = set(rng.choice(DIFFICULTIES, rng.integers(1, 3)).tolist())
    head, skin, landmarks = paint_head(model, looks, expression(model, rng, hard))
    pose = random_pose(rng, hard)
    maps = pose_maps(pose)
    front = over(looks.hair, head)
    for worn in paint_worn(looks, rng, hard, landmarks):
        front = over(worn, front)
    lamp = random_lamp(rng)
    strength = rng.uniform(0.7, 1.1) if "lamp" in hard else rng.uniform(0.1, 0.45)
    scene = over(posed(looks.back, maps), paint_background(rng))
    scene = over(paint_torso(rng, skin, looks.person.width), scene)
    scene = over(lit(posed(front, maps), maps, lamp, float(strength)), scene)
    if "hand" in hard:
        scene = over(paint_hand(rng, skin), scene)
    shot = random_shot(rng, hard)
    return Photo(take(scene.astype(np.float32), shot, rng), shot.quality)


# ---------------------------------------------------------------- chance
def expression(model: FaceModel, rng: np.random.Generator, hard: set[str]) -> np.ndarray:
    """Coefficients of the model's `photos`: expression, gaze, light on the face."""
    strength = 1.3 if "face" in hard else 0.9
    draw = np.clip(rng.standard_normal(len(model.photos)), -2, 2) * strength
    return np.asarray(draw, np.float32)


def random_pose(rng: np.random.Generator, hard: set[str]) -> Pose:
    turn = rng.normal(0, 10)
    if "turned" in hard:
        turn = rng.choice([-1, 1]) * rng.uniform(20, 30)
    shift = (float(rng.normal(0, 4)), float(rng.normal(0, 3)))
    lean = np.clip(rng.normal(0, 6), -16, 16)
    nod = np.clip(rng.normal(0, 6), -13, 13)
    return Pose(float(np.clip(turn, -30, 30)), float(nod), float(lean), shift)


def random_lamp(rng: np.random.Generator) -> np.ndarray:
    """A direction from which light falls: right, down, towards the camera; unit length."""
    lamp = np.array([rng.normal(0, 0.7), rng.normal(-0.35, 0.35), rng.uniform(0.5, 1)])
    return np.asarray(lamp / np.linalg.norm(lamp), np.float32)


def paint_worn(
    looks: Looks, rng: np.random.Generator, hard: set[str], landmarks: np.ndarray
) -> list[np.ndarray]:
    """Glasses, mask and hat, as habit and chance want it: layers."""
    person = looks.person
    habits = np.random.default_rng([*person.seed, 3])  # the same frame in every photo
    colour, thickness = FRAME_COLOURS[habits.integers(len(FRAME_COLOURS))], habits.uniform(1, 2.4)
    worn = []
    dark = "sunglasses" in hard
    if dark or rng.random() < person.wears_glasses:
        frame = int(rng.integers(len(FRAMES))) if dark else person.glasses
        worn.append(paint_glasses(landmarks, frame, colour, float(thickness), dark))
    if "mask" in hard:
        worn.append(paint_mask(rng, landmarks, person.chin))
    if "hat" in hard or rng.random() < 0.05:
        worn.append(paint_hat(rng, person.width))
    return worn


def random_shot(rng: np.random.Generator, hard: set[str]) -> Shot:
    """Framing, exposure and colour; then what makes a photo hard."""
    side = float(rng.uniform(150, 225))
    centre = (MIDDLE + float(rng.normal(0, 0.07) * side), 58 + float(rng.normal(0, 0.05) * side))
    width = int(rng.integers(240, 420))
    shot = Shot(
        centre,
        side,
        (width, int(width * rng.choice([1.0, 1.2, 1.25]))),
        exposure=float(rng.uniform(0.85, 1.15)),
        gamma=float(rng.uniform(0.8, 1.05)),
        contrast=float(rng.uniform(0.85, 1.1)),
        saturation=0.0 if rng.random() < 0.04 else float(rng.uniform(0.7, 1.05)),
        warmth=float(rng.normal(0, 0.3)),
        defocus=float(rng.uniform(0, 0.4)),
        noise=float(rng.uniform(0.004, 0.02)),
        quality=int(rng.integers(72, 95)),
    )
    changes: dict[str, dict[str, float]] = {
        "dark": {"exposure": rng.uniform(0.25, 0.45), "noise": 0.035},
        "backlight": {"exposure": rng.uniform(1.3, 1.6), "contrast": 0.7},
        "small": {"reduced": int(rng.integers(56, 84)), "quality": int(rng.integers(45, 70))},
        "blurred": {"defocus": rng.uniform(1.5, 2.6)},
        "moved": {"motion": rng.uniform(5, 9)},
        "noisy": {"noise": rng.uniform(0.07, 0.12), "quality": int(rng.integers(30, 60))},
    }
    for name in sorted(hard & changes.keys()):
        shot = replace(shot, **changes[name])  # type: ignore[arg-type]
    return shot
