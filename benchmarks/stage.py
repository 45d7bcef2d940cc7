"""Clips made from stills: people who enter, cross, turn their heads (the next still) and leave."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from knownface.faces.crops import FaceCropper
from knownface.faces.photo import read_image
from knownface.faces.picture import Picture

STILL = 1.2  # seconds that a still is shown before the next one of the same person
AROUND = 0.55  # of the face's height that a cut-out shows on each side of it
LARGEST_STILL = 420
SMALLEST, LARGEST = 20, 200  # pixels of a face's height

Place = tuple[float, float, float]  # centre x and y, and height of the face, in pixels
Box = tuple[float, float, float, float]


@dataclass
class Actor:
    """Somebody who goes from one place to another while they are seen."""

    name: str
    known: bool
    stills: list[np.ndarray] = field(repr=False)
    begin: float
    end: float
    start: Place
    stop: Place

    def place(self, seconds: float) -> Place | None:
        if not self.begin <= seconds < self.end:
            return None
        share = (seconds - self.begin) / (self.end - self.begin)
        x, y, high = (a + share * (b - a) for a, b in zip(self.start, self.stop, strict=True))
        return x, y + 0.05 * high * float(np.sin(9 * seconds)), high

    def box(self, seconds: float) -> Box | None:
        """About what a detector should give."""
        if not (place := self.place(seconds)):
            return None
        x, y, high = place
        return x - 0.39 * high, y - high / 2, 0.78 * high, high


@dataclass
class Scene:
    """Actors, the last in front, before a wall; size: width and height in pixels."""

    size: tuple[int, int]
    actors: Sequence[Actor]
    seconds: float
    rate: int
    seed: int = 1

    def pictures(self) -> Iterator[np.ndarray]:
        """RGB."""
        noise = np.random.default_rng(self.seed)
        coarse = noise.integers(90, 160, (3, 4, 3)).astype(np.uint8)
        wall = cv2.resize(coarse, self.size, interpolation=cv2.INTER_CUBIC)
        grain = [noise.normal(0, 3, (*self.size[::-1], 1)).astype(np.int16) for _ in range(4)]
        for number in range(round(self.seconds * self.rate)):
            now = number / self.rate
            picture = wall.copy()
            for actor in self.actors:
                if place := actor.place(now):
                    still = actor.stills[int((now - actor.begin) / STILL) % len(actor.stills)]
                    _paste(picture, still, place)
            yield np.clip(picture + grain[number % 4], 0, 255).astype(np.uint8)

    def truth(self, seconds: float) -> list[tuple[Actor, Box]]:
        """Who should be seen at a time: faces with their middle inside, and nobody before them."""
        there: list[tuple[Actor, Box]] = []
        for actor in reversed(self.actors):
            place, box = actor.place(seconds), actor.box(seconds)
            if not place or not box:
                continue
            inside = 0 < place[0] < self.size[0] and 0 < place[1] < self.size[1]
            hidden = any(covered(box, other) > 0.3 for _, other in there)
            there.append((actor, box))
            if not inside or hidden:
                there[-1] = (actor, (*box[:2], -box[2], box[3]))  # it hides others all the same
        return [(actor, box) for actor, box in there if box[2] > 0]


def covered(box: Box, other: Box) -> float:
    """Share of a box that another one covers."""
    wide = min(box[0] + box[2], other[0] + abs(other[2])) - max(box[0], other[0])
    high = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return max(wide, 0) * max(high, 0) / (box[2] * box[3])


def cut_out(cropper: FaceCropper, photo: Path) -> np.ndarray | None:
    """A square around the largest face, which lies in its middle: RGB."""
    image = read_image(photo)
    faces, _ = cropper.crop_picture(Picture.of(image))
    if not faces:
        return None
    x, y, wide, high = faces[0].box
    half = high * (0.5 + AROUND)
    side = round(2 * half)
    moved = np.array([[1, 0, half - x - wide / 2], [0, 1, half - y - high / 2]])
    cut = cv2.warpAffine(image, moved, (side, side), borderMode=cv2.BORDER_REPLICATE)
    small = (LARGEST_STILL, LARGEST_STILL)
    return cv2.resize(cut, small, interpolation=cv2.INTER_AREA) if side > small[0] else cut


def _paste(picture: np.ndarray, still: np.ndarray, place: Place) -> None:
    x, y, high = place
    side = max(8, round(high * (1 + 2 * AROUND)))
    small = cv2.resize(still, (side, side), interpolation=cv2.INTER_AREA)
    mask = np.zeros((side, side), np.float32)
    axes = (round(side * 0.42), round(side * 0.48))
    cv2.ellipse(mask, (side // 2, side // 2), axes, 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, side / 60))[..., None]
    left, top = round(x - side / 2), round(y - side / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, picture.shape[1]), min(top + side, picture.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = picture[y0:y1, x0:x1]
    picture[y0:y1, x0:x1] = mask[part] * small[part] + (1 - mask[part]) * under


def write_clip(path: Path, scene: Scene, sound: bool = False) -> None:
    """H.264 and, with sound, a tone as AAC."""
    with av.open(str(path), "w") as clip:
        fast = {"preset": "superfast", "crf": "24"}
        stream = clip.add_stream("libx264", rate=scene.rate, options=fast)
        stream.width, stream.height, stream.pix_fmt = *scene.size, "yuv420p"
        tone = clip.add_stream("aac", rate=16000, layout="mono") if sound else None
        for image in scene.pictures():
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        clip.mux(stream.encode())
        if tone is not None:
            for i in range(0, round(scene.seconds * 16000) - 1023, 1024):
                wave = 8000 * np.sin(np.arange(i, i + 1024) * 2 * np.pi * 440 / 16000)
                frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16000, i, Fraction(1, 16000)
                clip.mux(tone.encode(frame))
            clip.mux(tone.encode())


def crowd(
    cast: Sequence[tuple[str, bool, list[np.ndarray]]], rng: random.Random, rate: int = 5
) -> Scene:
    """All of a cast, two at a time, for 2.5 to 4.5 seconds each, of 20 to 200 pixels."""
    size, free, actors = (640, 360), [0.0, 0.0], []
    for name, known, stills in cast:
        lane = free.index(min(free))
        lasts = rng.uniform(2.5, 4.5)
        high = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        other = min(LARGEST, high * rng.uniform(0.8, 1.3))
        y = rng.uniform(lane * 180, lane * 180 + 180)
        y = min(max(y, 0.6 * high), size[1] - 0.6 * high)
        ways = [(0.0, 640.0), (640.0, 0.0), (80.0, 300.0), (560.0, 340.0), (200.0, 480.0)]
        here, there = rng.choice(ways)
        actors.append(
            Actor(name, known, stills, free[lane], free[lane] + lasts, (here, y, high),
                  (there, y, other))
        )  # fmt: skip
        free[lane] += lasts + 0.3
    return Scene(size, actors, max(free), rate)
