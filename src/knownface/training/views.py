"""Random views of a face crop: what a camera, a detector, the light and the world do to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

FACE = 112  # pixels of the crop in whose coordinates masks and shifts are written down


@dataclass(frozen=True)
class Changes:
    """How much is changed; 1 is what a network needs that shall bear everything.

    small: share of views that a camera saw with fewer pixels, down to `smallest`.
    moved: scale of rotation, shift, zoom and stretch; lit, covered, disturbed: how often light,
        an occlusion, and blur, noise or JPEG are changed, as shares of the usual.
    """

    small: float = 0.45
    smallest: float = 14.0
    moved: float = 1.0
    lit: float = 1.0
    covered: float = 1.0
    disturbed: float = 1.0


class Views:
    """Random views of square uint8 RGB crops, all of one size; equal seeds give equal views."""

    def __init__(self, seed: int, changes: Changes | None = None) -> None:
        self.rng, self.changes = np.random.default_rng(seed), changes or Changes()

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """A view (size, size, 3) of a crop (size, size, 3)."""
        rng, size = self.rng, len(crop)
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        crop = self._covered(crop)
        crop = self._lit(crop)
        side = self._side(size)
        crop = self._moved(crop, side)
        crop = self._disturbed(crop)
        if side < size:
            how = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
            crop = cv2.resize(crop, (size, size), interpolation=how)
        return crop

    def _side(self, size: int) -> int:
        """Pixels that the camera had for the crop: often all, else fewer."""
        if self.rng.random() < 1 - self.changes.small:
            return size
        return round(float(np.exp(self.rng.uniform(np.log(self.changes.smallest), np.log(size)))))

    def _moved(self, crop: np.ndarray, side: int) -> np.ndarray:
        """Rotation, scale, shift and stretch around the middle, sampled at `side` pixels."""
        rng, size, much = self.rng, len(crop), self.changes.moved
        angle = np.deg2rad(rng.normal(0, 5 * much))
        scale, stretch = np.exp(rng.normal(0, 0.05 * much)), np.exp(rng.normal(0, 0.02 * much))
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = rotation @ np.diag([scale * stretch, scale / stretch]) * (side / size)
        shift = rng.normal(0, 2.5 * much, 2) * (side / FACE)
        middle = (size - 1) / 2
        offset = (side - 1) / 2 + shift - linear @ [middle, middle]
        if side < size / 2:  # averaged before it is sampled
            blur = round(size / side)
            crop = cv2.blur(crop, (blur, blur))
        matrix = np.column_stack([linear, offset])
        edge = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REFLECT
        return cv2.warpAffine(crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=edge)

    def _lit(self, crop: np.ndarray) -> np.ndarray:
        """Brightness, contrast, gamma, colour temperature, a shadow, grey."""
        rng, often = self.rng, self.changes.lit
        if rng.random() < 0.7 * often:
            gamma = np.exp(rng.normal(0, 0.3))
            gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.07, 3))
            ramp = np.arange(256)[:, None] / 255
            curve = (ramp**gamma - 0.5) * gain + 0.5 + rng.normal(0, 0.06)
            crop = cv2.LUT(crop, np.clip(curve * 255, 0, 255).astype(np.uint8)[None])
        if rng.random() < 0.2 * often:
            ends = np.exp(rng.normal(0, 0.5, 2))
            slope = np.linspace(ends[0], ends[1], len(crop), dtype=np.float32)
            field = slope[None, :, None] if rng.random() < 0.7 else slope[:, None, None]
            crop = np.clip(crop * field, 0, 255).astype(np.uint8)
        if rng.random() < 0.15 * often:
            crop = cv2.merge([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)] * 3)
        return crop

    def _covered(self, crop: np.ndarray) -> np.ndarray:
        """A mask, sunglasses, or a patch of anything."""
        rng, often, unit = self.rng, self.changes.covered, len(crop) / FACE
        kind = rng.random()
        if kind > 0.2 * often:
            return crop
        crop = crop.copy()
        colour = tuple(map(int, rng.integers(0, 256, 3)))
        if kind < 0.06 * often:  # a mask from the nose down
            top = int(rng.integers(62, 78))
            corners = [(20, top), (56, top - 8), (92, top), (88, 100), (70, 112), (42, 112)]
            points = np.array([*corners, (24, 100)]) * unit
            cv2.fillPoly(crop, [points.astype(np.int32)], colour)
        elif kind < 0.1 * often:  # sunglasses
            dark = tuple(value // 4 for value in colour)
            left, right, brow, eye = (round(at * unit) for at in (38, 74, 48, 52))
            for x in (left, right):
                axes = round(int(rng.integers(11, 18)) * unit), round(10 * unit)
                cv2.ellipse(crop, (x, eye), axes, 0, 0, 360, dark, -1)
            cv2.line(crop, (left, brow), (right, brow), dark, max(1, round(3 * unit)))
        else:
            w, h = (rng.integers(15, 50, 2) * unit).astype(int)
            x, y = (rng.integers(0, FACE - 15, 2) * unit).astype(int)
            crop[y : y + h, x : x + w] = colour
        return crop

    def _disturbed(self, crop: np.ndarray) -> np.ndarray:
        """Blur, noise and JPEG at the camera's own resolution."""
        rng, often = self.rng, self.changes.disturbed
        crop = np.ascontiguousarray(crop)
        if rng.random() < 0.15 * often:
            crop = self._blurred(crop)
        if rng.random() < 0.3 * often:
            noise = _noise()
            start = int(rng.integers(0, len(noise) - crop.size))
            grain = noise[start : start + crop.size].reshape(crop.shape)
            crop = np.clip(crop + grain * rng.uniform(2, 22), 0, 255).astype(np.uint8)
        if rng.random() < 0.2 * often:
            quality = int(rng.integers(15, 80))
            _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
            crop = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        return crop

    def _blurred(self, crop: np.ndarray) -> np.ndarray:
        """Out of focus, or moved while the shutter was open."""
        rng = self.rng
        if rng.random() < 0.6:
            return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, max(0.8, 0.025 * len(crop))))
        length = max(2, round(rng.uniform(0.03, 0.1) * len(crop)))
        kernel = np.zeros((length, length), np.float32)
        end = tuple(map(int, rng.integers(0, length, 2)))
        cv2.line(kernel, (length // 2, length // 2), end, 1.0)
        return cv2.filter2D(crop, -1, kernel / kernel.sum())


@cache
def _noise() -> np.ndarray:
    """A million normal values, of which each view takes some in a row."""
    return np.random.default_rng(0).normal(0, 1, 1 << 20).astype(np.float32)
