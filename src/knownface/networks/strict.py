"""Arrays get into a network strictly: none missing, extra, misshapen or not finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt, prod
from pathlib import Path
from typing import Protocol

import numpy as np

from knownface.files.download import WeightError


@dataclass(frozen=True)
class Norm:
    """A batch norm at rest: `x * scale + shift` per channel, computed in float64."""

    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    gamma: np.ndarray | float = 1.0

    @property
    def scale(self) -> np.ndarray:
        return np.asarray(self.gamma / np.sqrt(self.variance.astype(np.float64) + self.epsilon))

    @property
    def shift(self) -> np.ndarray:
        return np.asarray(self.beta - self.mean * self.scale)

    def fold(
        self, kernel: np.ndarray, bias: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The kernel (..., out) and bias (out,) of a layer followed by this norm, as one layer."""
        return kernel * self.scale, bias * self.scale + self.shift


def dense_between(
    before: Norm, weight: np.ndarray, bias: np.ndarray, after: Norm
) -> tuple[np.ndarray, np.ndarray]:
    """Norm of a map, flatten channel by channel, linear (out, c * side * side), norm.

    As one dense layer behind a flatten in HWC order: its kernel (side * side * c, out) and bias.
    """
    channels, out = len(before.mean), len(bias)
    side = isqrt(weight.shape[1] // channels)
    kernel = weight.astype(np.float64).reshape(out, channels, side, side).transpose(2, 3, 1, 0)
    shifted = bias + np.einsum("hwco,c->o", kernel, before.shift)
    return after.fold((kernel * before.scale[:, None]).reshape(-1, out), shifted)


class Stored(Protocol):
    """An array, or one that is still in its file, where its shape is known before it is read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __array__(self) -> np.ndarray: ...


def at_most(expected: Mapping[str, tuple[int, ...]]) -> int:
    """Bytes that the arrays of a network's file may take: float64, and classifiers besides."""
    return 12 * sum(map(prod, expected.values())) + 2**24


class NamedArrays:
    """The arrays of a file by upstream name; each is taken once, in the shape it should have.

    None is read before its shape is known to be right. `done` raises WeightError naming whatever
    was not asked for.
    """

    def __init__(self, arrays: Mapping[str, Stored], origin: Path) -> None:
        self._left = dict(arrays)
        self._origin = origin

    def take(self, name: str, shape: Iterable[int]) -> np.ndarray:
        """One array; WeightError where it is missing, of another shape, or not finite."""
        if name not in self._left:
            raise WeightError(f"{self._origin}: has no array {name}; it is not for this network")
        stored, shape = self._left.pop(name), tuple(shape)
        if stored.shape != shape:
            raise WeightError(f"{self._origin}: {name} is {stored.shape} and should be {shape}")
        try:
            array = np.asarray(stored, np.float32)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            detail = str(error).split("\n")[0]
            raise WeightError(f"{self._origin}: {name} cannot be read ({detail})") from None
        if not np.isfinite(array).all():
            raise WeightError(f"{self._origin}: {name} holds values that are not finite numbers")
        return array

    def done(self, unused: Iterable[str] = ()) -> None:
        """Nothing but `unused` prefixes and counters may be left."""
        allowed = tuple(unused)
        extra = [
            name
            for name in self._left
            if not name.startswith(allowed) and not name.endswith("num_batches_tracked")
        ]
        if extra:
            more = f" and {len(extra) - 5} more" if len(extra) > 5 else ""
            raise WeightError(
                f"{self._origin}: has arrays that the network has not: {', '.join(extra[:5])}{more}"
            )

    # ------------------------------------------------------------ PyTorch's own layers
    def torch_kernel(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """`name.weight` in Keras order: OIHW to HWIO for (h, w, i, o), (o, i) to (i, o)."""
        if len(shape) == 2:
            return self.take(f"{name}.weight", shape[::-1]).T
        height, width, inner, outer = shape
        return self.take(f"{name}.weight", (outer, inner, height, width)).transpose(2, 3, 1, 0)

    def torch_norm(self, name: str, channels: int, epsilon: float) -> Norm:
        """A BatchNorm1d or 2d of that many channels."""
        names = ("bias", "running_mean", "running_var", "weight")
        beta, mean, variance, gamma = (self.take(f"{name}.{n}", (channels,)) for n in names)
        return Norm(beta, mean, variance, epsilon, gamma)


def check_arrays(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, np.ndarray], origin: str
) -> None:
    """Raise WeightError naming every missing, extra or misshapen array (the first five of each)."""
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    misshapen = [
        f"{name} is {found[name].shape} and should be {shape}"
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != tuple(shape)
    ]
    unusable = [name for name in expected if name in found and not np.isfinite(found[name]).all()]
    problems = [
        f"{kind}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
        for kind, names in (
            ("missing", missing),
            ("not expected", extra),
            ("wrong shape", misshapen),
            ("not finite", unusable),
        )
        if names
    ]
    if problems:
        raise WeightError(f"{origin}: does not fit this network; {'; '.join(problems)}")
