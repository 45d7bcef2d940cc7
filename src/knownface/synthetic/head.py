"""Painting a head: the model's face, blended into a skull with ears, hair and beard."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from knownface.faces.align import TEMPLATE_112
from knownface.synthetic.canvas import (
    HEIGHT,
    LEFT,
    MIDDLE,
    SCALE,
    SHAPE,
    TOP,
    WIDTH,
    blended,
    blur,
    edge,
    layer,
    noise,
    over,
    shaded,
    units,
)
from knownface.synthetic.model import SIZE, Directions, FaceModel, face_mask
from knownface.synthetic.person import Person

CROWN = 60.0  # height of the skull above its widest place, in units: eyes lie half-way
FACE = int(SIZE * SCALE)  # side of the model's face on the sheet, in pixels


@dataclass(frozen=True)
class Looks:
    """A person's layers that every photo shares, of SHAPE.

    face: of the model, without a photo's own expression and light.
    detail: (FACE, FACE) brightness of freckles, moles and wrinkles, in the mean face's frame.
    skull: alpha of head and ears. inside: distance from the head's outline, in units.
    hair, back: layers before and behind the head.
    beard: layer, before its mouth is cut out.
    """

    person: Person
    face: Directions
    detail: np.ndarray
    skull: np.ndarray
    inside: np.ndarray
    hair: np.ndarray
    back: np.ndarray
    beard: np.ndarray


def looks_of(model: FaceModel, person: Person) -> Looks:
    """Paint what stays the same; takes about 50 ms."""
    rng = np.random.default_rng([*person.seed, 2])
    strands = hair_strands(person, rng)
    inside = skull_distance(person)
    ears = [ear_distance(person, side) for side in (-1, 1)]
    skull = cv2.GaussianBlur(edge(np.maximum(inside, np.maximum(*ears))), (0, 0), 1.0)
    hair, back = paint_hair(person, strands)
    return Looks(
        person, model.person(person.face), skin_detail(person, rng), skull, inside, hair, back,
        paint_beard(person, inside, rng),
    )  # fmt: skip


# ---------------------------------------------------------------- geometry
def half_width(person: Person, y: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Half of the head's width at each y: a half ellipse above the ears, a jaw below."""
    width = person.width + margin
    crown = np.clip(1 - np.abs((40 - y) / (CROWN + margin)) ** 2.4, 0, 1) ** 0.45
    down = np.clip((y - 40) / (person.chin + margin - 40), 0, 1)
    return np.asarray(width * np.where(y < 40, crown, (1 - down**person.jaw) ** 0.6))


def skull_distance(person: Person) -> np.ndarray:
    """Distance inside the head's outline, in units; roughly, but with the right zero."""
    x, y = units()
    sides = half_width(person, y) - np.abs(x - MIDDLE)
    return np.asarray(np.minimum(sides, np.minimum(y - 40 + CROWN, person.chin - y)), np.float32)


def ear_distance(person: Person, side: int) -> np.ndarray:
    x, y = units()
    centre = MIDDLE + side * (person.width + 1.0)
    radius = np.hypot((x - centre - side * (60 - y) * 0.08) / 5.0, (y - 61) / 12.0)
    return np.asarray(5 * (1 - radius), np.float32)


# ---------------------------------------------------------------- hair
def hair_strands(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Noise drawn out along strands that fan from the crown, or in curls: SHAPE."""
    x, y = units()
    spread = 10 + 0.9 * np.clip(y + 40, 0, 92)
    across = (x - MIDDLE - person.parting * np.clip((52 - y) / 90, 0, 1)) / spread
    table = noise(rng, (128, 1024), (0.8, 12)) + 0.8 * noise(rng, (128, 1024), (4, 16))
    straight = cv2.remap(
        table, (across * 260 + 512).astype(np.float32), ((y - TOP) * 0.5).astype(np.float32),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    curls = noise(rng, SHAPE, 2.2) + 0.8 * noise(rng, SHAPE, 5)
    curl = person.hair.curl
    return np.asarray((1 - curl) * straight + curl * curls, np.float32) / 1.3


def paint_hair(person: Person, strands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The layer before the head and the one behind it."""
    style = person.hair
    x, y = units()
    wave = 1.6 * np.sin(y / 13 + person.parting) * np.clip((y - 40) / 40, 0, 1)
    off = x - MIDDLE + wave
    rough = strands * (0.6 + 1.8 * style.curl) * min(1.0, style.volume / 4)
    swell = style.volume * (1 + 0.25 * np.clip((y - 40) / 60, 0, 1) * (style.falls > 90))
    width = half_width(person, np.minimum(y, 40))
    top = 40 - CROWN - 0.7 * style.volume - 1
    outer = np.where(y < 40, half_width(person, y, style.volume), width + swell) - np.abs(off)
    outer = np.minimum(outer, 1.5 * (y - top)) + rough
    ends = (style.falls - y + 3 * strands) / (3 if style.falls > 60 else 4)
    covered = hairline_distance(person, off, y) + 1.8 * strands
    front = edge(outer, 1.5) * edge(covered, 4.5) * np.clip(ends, 0, 1)
    behind = edge(outer, 1.5) * np.clip(ends, 0, 1) * (style.falls > 60)
    if style.volume < 1:
        front = front * 0.55
    colour = hair_colour(person, strands, outer, covered)
    return layer(colour, front), layer(colour * 0.55, np.asarray(behind, np.float32))


def hairline_distance(person: Person, off: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Positive where hair lies before the head: above the hairline, and beside the face."""
    style = person.hair
    side = off / person.width
    line = person.hairline + style.fringe * np.clip(1.2 - np.abs(side - person.parting / 40), 0, 1)
    line = line + 13 * np.abs(side) ** 3 + 5 * side * np.sign(person.parting) * (style.fringe > 5)
    drape = 5.0 if style.falls > 90 else 1.5
    window = half_width(person, np.minimum(y, 78)) - drape
    return np.asarray(np.maximum(line - y, np.abs(off) - window), np.float32)


def hair_colour(
    person: Person, strands: np.ndarray, outer: np.ndarray, covered: np.ndarray
) -> np.ndarray:
    """(height, width, 3): strands, a sheen around the crown, dark roots and rims."""
    x, y = units()
    side = (x - MIDDLE) / person.width
    sheen = np.exp(-(((y + 12 - 14 * side**2) / 12) ** 2)) * (1 - 0.7 * person.hair.curl)
    depth = 0.6 + 0.4 * np.clip(outer / 9, 0, 1) * np.clip(0.4 + covered / 7, 0.4, 1)
    tone = (1 + (0.3 - 0.1 * person.hair.curl) * strands) * depth
    tone = tone + 0.3 * sheen * (1 + 0.5 * strands)
    return np.asarray(shaded(person.hair_colour, tone) + shaded(np.ones(3), 0.03 * sheen))


def paint_beard(person: Person, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Short hair on jaw and upper lip; zero for who wears none."""
    if not person.beard:
        return np.zeros((*SHAPE, 4), np.float32)
    x, y = units()
    off = np.abs(x - MIDDLE)
    cheek = edge(y - (66 + 0.010 * (person.width - off) ** 2), 14)  # higher beside the ears
    moustache = edge(9 - np.hypot(off / 2.4, y - 87) * 1.3, 6)
    hairs = 0.8 + 0.15 * noise(rng, SHAPE, (0.6, 1.1)) + 0.1 * noise(rng, SHAPE, 6)
    alpha = np.maximum(cheek * edge(inside, 3), moustache) * np.clip(hairs, 0, 1)
    alpha = alpha * (0.15 + 0.65 * person.beard**2)
    tone = 0.45 + 0.1 * noise(rng, SHAPE, (0.7, 1.6))
    return layer(shaded(person.hair_colour, tone), np.asarray(alpha, np.float32))


# ---------------------------------------------------------------- skin
def skin_detail(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Factors of brightness near 1, (FACE, FACE), in the frame of the mean face."""
    grain = 0.010 * noise(rng, (FACE, FACE), 0.8) + 0.012 * noise(rng, (FACE, FACE), 2.0)
    spots = np.zeros((FACE, FACE), np.float32)
    for _ in range(int(160 * person.freckles)):
        x, y = rng.normal(MIDDLE, 17), rng.normal(66, 7)
        dot(spots, x, y, rng.uniform(0.35, 0.8), 0.18)
    for _ in range(person.moles):
        x, y = rng.uniform(26, 86), rng.uniform(20, 104)
        dot(spots, x, y, rng.uniform(0.7, 1.3), 0.45)
    lines = wrinkles(person, rng)
    return np.asarray(1 + grain - cv2.GaussianBlur(spots, (0, 0), 0.7) - lines, np.float32)


def dot(image: np.ndarray, x: float, y: float, radius: float, strength: float) -> None:
    centre = (round(x * SCALE * 16), round(y * SCALE * 16))
    cv2.circle(image, centre, round(radius * SCALE * 16), strength, -1, cv2.LINE_AA, 4)


def wrinkles(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Forehead lines, folds beside the mouth and crow's feet, deeper with age."""
    lines = np.zeros((FACE, FACE), np.float32)
    curves: list[tuple[tuple[float, float], ...]] = []
    for y in (20, 26, 31):
        curves.append(((35, y), (56, y - rng.uniform(1, 3)), (77, y)))
    for side in (-1, 1):
        mouth = ((MIDDLE + side * 11, 74), (MIDDLE + side * 19, 82), (MIDDLE + side * 20, 92))
        curves.append(mouth)
        for rise in (-3, 0, 3):
            out = MIDDLE + side * 27, 52 + rise * 0.4
            curves.append((out, (out[0] + side * 3, 52 + rise), (out[0] + side * 6, 52 + rise * 2)))
    for curve in curves:
        along = np.linspace(0, 1, 12)[:, None]
        a, b, c = (np.array(point) + rng.normal(0, 0.6, 2) for point in curve)
        bend = (1 - along) ** 2 * a + 2 * along * (1 - along) * b + along**2 * c
        points = [np.rint(bend * SCALE * 16).astype(np.int32)]
        cv2.polylines(lines, points, False, rng.uniform(0.5, 1.0), 2, cv2.LINE_AA, 4)
    depth = 0.45 * max(0.0, person.age - 0.3)
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), 1.6) * depth, np.float32)


# ---------------------------------------------------------------- one photo's head
def paint_head(
    model: FaceModel, looks: Looks, photo: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The head without hair in front: a layer; the colour of its skin (3,); landmarks (5, 2).

    photo: coefficients of the model's `photos`. The landmarks are in units.
    """
    texture, moved = model.face(looks.face, photo)
    fade = face_mask(fade=30)[..., None]
    moved = cv2.GaussianBlur(moved, (0, 0), 1.5) * (0.3 + 0.7 * fade)
    face, alpha = place_face(texture, moved, looks.detail)
    skin = extended(face, alpha)
    cheeks = skin[int((84 - TOP) * SCALE), [int((x - LEFT) * SCALE) for x in (32, 80)]]
    colour = np.asarray(cheeks.mean(0))
    shade = 0.68 + 0.32 * np.clip(looks.inside / 9, 0, 1)
    head = layer(blended(face, shaded(skin, shade), alpha), looks.skull)
    rows = np.rint(TEMPLATE_112).astype(int)
    landmarks = TEMPLATE_112.astype(np.float32) + moved[rows[:, 1], rows[:, 0]]
    head = over(with_mouth(looks.beard, landmarks), head)
    return shadowed(head, looks.hair), colour, landmarks


def place_face(
    texture: np.ndarray, moved: np.ndarray, detail: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The face on the sheet, (height, width, 3), and its alpha: displaced and sharpened."""
    x, y = np.meshgrid(*[np.arange(SIZE, dtype=np.float32)] * 2)
    back_x, back_y = x, y
    for _ in range(4):  # the inverse of x -> x + moved(x), by fixed point
        step = cv2.remap(moved, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back_x, back_y = x - step[..., 0], y - step[..., 1]
    sharp = texture + 0.9 * (texture - cv2.GaussianBlur(texture, (0, 0), 1.2))
    large = cv2.resize(sharp, (FACE, FACE), interpolation=cv2.INTER_CUBIC)
    mask = cv2.resize(visible(), (FACE, FACE), interpolation=cv2.INTER_LINEAR)
    map_x = cv2.resize(back_x, (FACE, FACE)) * SCALE
    map_y = cv2.resize(back_y, (FACE, FACE)) * SCALE
    both = cv2.remap(cv2.merge([shaded(large, detail), mask]), map_x, map_y, cv2.INTER_LINEAR)
    top, left = int(-TOP * SCALE), int(-LEFT * SCALE)
    sheet = cv2.copyMakeBorder(
        both, top, SHAPE[0] - top - FACE, left, SHAPE[1] - left - FACE, cv2.BORDER_CONSTANT
    )
    return np.clip(sheet[..., :3], 0, 1), sheet[..., 3]


def visible() -> np.ndarray:
    """Alpha of the model's face in the mean face's frame: without hair and background."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    half = np.where(y < 62, 35.0, 35.0 - 0.008 * (y - 62) ** 2)
    inside = np.minimum(half - np.abs(x - MIDDLE), np.minimum(y - 20, 109 - y))
    soft = np.clip(inside / 9, 0, 1)
    return np.asarray(soft * soft * (3 - 2 * soft), np.float32)


def extended(face: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Carry the colours of the face's rim over the whole sheet: (height, width, 3)."""
    size = (WIDTH // 2, HEIGHT // 2)
    weight = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(shaded(face, alpha), size, interpolation=cv2.INTER_AREA)
    filled = None
    for sigma in (30.0, 9.0, 3.0):
        spread = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        colour = cv2.GaussianBlur(small, (0, 0), sigma) / (spread + 1e-4)
        sure = np.clip(spread * 3, 0, 1)
        filled = colour if filled is None else colour * sure + filled * (1 - sure)
    assert filled is not None
    return np.asarray(cv2.resize(filled, SHAPE[::-1], interpolation=cv2.INTER_LINEAR))


def with_mouth(beard: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Keep a beard off the lips."""
    if not beard.any():
        return beard
    x, y = units()
    mouth = landmarks[3:].mean(0)
    width = np.ptp(landmarks[3:, 0]) / 2 + 2
    open_ = edge(1.15 - np.hypot((x - mouth[0]) / width, (y - mouth[1]) / 7.5), 0.4)
    return shaded(beard, 1 - open_)


def shadowed(head: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """The shadow that hair throws on the skin below it."""
    *colours, alpha = cv2.split(head)
    shadow = 1 - 0.35 * np.roll(blur(hair[..., 3], 4), int(3 * SCALE), axis=0)
    return np.asarray(cv2.merge([*(plane * shadow for plane in colours), alpha]))
