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

SIZE = (1280, 720)
STILL = 1.2  # seconds that a still is shown before the next one of the same person
AROUND = 0.55  # of the face's longer side that a cut-out shows on each side of it

Place = tuple[float, float, float]  # centre x and y, and height of the face, in pixels


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
        return x, y + 0.05 * high * np.sin(9 * seconds), high

    def box(self, seconds: float) -> tuple[float, float, float, float] | None:
        """About what a detector should give; None outside the picture."""
        if not (place := self.place(seconds)):
            return None
        x, y, high = place
        inside = 0.3 * high < x < SIZE[0] - 0.3 * high and 0.3 * high < y < SIZE[1] - 0.3 * high
        return (x - 0.39 * high, y - high / 2, 0.78 * high, high) if inside else None


def cut_out(cropper: FaceCropper, photo: Path) -> np.ndarray | None:
    """A square around the largest face, which lies in its middle: RGB."""
    image = read_image(photo)
    faces, _ = cropper.crop_image(image)
    if not faces:
        return None
    x, y, wide, high = faces[0].box
    half = high * (0.5 + AROUND)
    side = round(2 * half)
    moved = np.array([[1, 0, half - x - wide / 2], [0, 1, half - y - high / 2]])
    cut = cv2.warpAffine(image, moved, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(cut, (420, 420), interpolation=cv2.INTER_AREA) if side > 420 else cut


def pictures(actors: Sequence[Actor], seconds: float, rate: int, seed: int) -> Iterator[np.ndarray]:
    """The clip's pictures, RGB; who is later in the list stands in front."""
    noise = np.random.default_rng(seed)
    coarse = noise.integers(60, 190, (10, 16, 3)).astype(np.uint8)
    room = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    grain = [noise.normal(0, 5, (*SIZE[::-1], 1)).astype(np.int16) for _ in range(4)]
    for number in range(round(seconds * rate)):
        now = number / rate
        picture = room.copy()
        for actor in actors:
            if place := actor.place(now):
                still = actor.stills[int((now - actor.begin) / STILL) % len(actor.stills)]
                _paste(picture, still, place)
        yield np.clip(picture + grain[number % 4], 0, 255).astype(np.uint8)


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
    x1, y1 = min(left + side, SIZE[0]), min(top + side, SIZE[1])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = picture[y0:y1, x0:x1]
    picture[y0:y1, x0:x1] = mask[part] * small[part] + (1 - mask[part]) * under


def write_clip(path: Path, images: Iterator[np.ndarray], rate: int, sound: bool = True) -> None:
    """H.264 and a tone as AAC."""
    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "25"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        tone = clip.add_stream("aac", rate=16000, layout="mono") if sound else None
        count = 0
        for image in images:
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            count += 1
        clip.mux(stream.encode())
        if tone is not None:
            samples = np.arange(round(count / rate * 16000))
            wave = (8000 * np.sin(samples * 2 * np.pi * 440 / 16000)).astype(np.int16)
            for i in range(0, len(wave) - 1023, 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, i : i + 1024], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16000, i, Fraction(1, 16000)
                clip.mux(tone.encode(frame))
            clip.mux(tone.encode())


def walk(rng: random.Random, high: float, speed: float = 1.0) -> tuple[Place, Place]:
    """From one side of the picture to the other, nearer or farther at the end."""
    margin = 0.2 * high
    y = rng.uniform(0.8 * high, SIZE[1] - 0.8 * high)
    y2 = min(max(y + rng.uniform(-100, 100), 0.8 * high), SIZE[1] - 0.8 * high)
    across = (margin, SIZE[0] * speed) if rng.random() < 0.5 else (SIZE[0] - margin, SIZE[0] * (1 - speed))
    return (across[0], y, high), (across[1], y2, min(200.0, high * rng.uniform(0.8, 1.3)))
