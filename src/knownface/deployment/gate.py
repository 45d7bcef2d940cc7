"""What an export may lose against the network that it was made from, and what it lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from knownface.errors import KnownfaceError
from knownface.measure.evaluation import Evaluation
from knownface.measure.numbers import percent
from knownface.options import argument

# Of embeddings with those of float32, because few photos may be named rightly even by a network
# that computes something else. The least mean of what was good was 0.988, the highest of what was
# bad 0.77; the worst photo of what was good reached 0.936 (docs/export.md).
LEAST_MEAN, LEAST_UNTESTED = 0.95, 0.9


@dataclass(frozen=True)
class Rates:
    """What an evaluation comes to: None where nothing was tested."""

    accuracy: float | None
    dir: float | None
    far: float | None
    threshold: float

    @classmethod
    def of(cls, evaluation: Evaluation) -> Rates:
        shown = evaluation.open_set
        return cls(evaluation.accuracy, shown.dir, shown.far, shown.threshold)


@dataclass(frozen=True)
class Comparison:
    """An export beside the float32 network of its run, on the same photos: `export.json`.

    cosine_mean, cosine_worst: between both embeddings of a photo, over `photos` crops: the test
        photos and strangers, or all enrolled photos where nothing was tested. photos, strangers:
        that were tested; each network has a gallery, threshold and confidence of its own.
    limit: share of test photos, and of strangers, that it may lose; one photo in any case, which
        is the least that a test can see. calibration: training crops that int8 was fitted to;
        float_layers: of an int8 network. rate: faces a second, one batch after the other.
    """

    format: str
    precision: str
    cosine_mean: float
    cosine_worst: float
    compared: int
    photos: int
    strangers: int
    exported: Rates
    run: Rates
    limit: float
    bytes: int
    run_bytes: int
    rate: float
    run_rate: float
    device: str
    calibration: int = 0
    float_layers: str = ""
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """What was measured, in two lines."""
        both = [
            f"{name} {percent(now)} (float32: {percent(before)})"
            for name, now, before in self._pairs()
            if now is not None and before is not None
        ]
        tested = f"on {self.photos} test photos and {self.strangers} of strangers: "
        found = f"{tested}{', '.join(both)}" if both else "nobody was tested"
        return [
            f"{self.format} {self.precision}, with a threshold of its own "
            f"({self.exported.threshold:.3f}; float32: {self.run.threshold:.3f}), {found}",
            f"Embeddings agree with float32 to a cosine of {self.cosine_mean:.4f} (worst "
            f"{self.cosine_worst:.4f} of {self.compared}); {self.bytes / 1e6:.2f} MB instead of "
            f"{self.run_bytes / 1e6:.2f}, {self.rate / self.run_rate:.2f} times as fast on "
            f"{self.device}",
        ]

    def _pairs(self) -> Iterator[tuple[str, float | None, float | None]]:
        now, before = self.exported, self.run
        yield "accuracy", now.accuracy, before.accuracy
        yield "DIR", now.dir, before.dir
        yield "FAR", now.far, before.far

    def losses(self) -> dict[str, int]:
        """Photos lost, net, by rate, where they are more than the limit."""
        lost = {}
        for name, now, before in self._pairs():
            if now is None or before is None:
                continue
            count = self.strangers if name == "FAR" else self.photos
            worse = round((now - before if name == "FAR" else before - now) * count)
            if worse > max(1, self.limit * count):
                lost[name] = worse
        return lost

    def check(self) -> None:
        """KnownfaceError, with the numbers, where it lost more than the limit."""
        reasons = [f"{count} photos lost in {name}" for name, count in self.losses().items()]
        if self.cosine_mean < LEAST_MEAN:
            reasons.append(f"a mean cosine below {LEAST_MEAN}")
        if not self.photos and self.cosine_worst < LEAST_UNTESTED:
            reasons.append(f"a cosine below {LEAST_UNTESTED}, and no photo that could be tested")
        if reasons:
            raise KnownfaceError(
                f"Refused, for {' and '.join(reasons)} ({argument('limit', self.limit)}): "
                f"{self.lines()[0]}; embeddings agree with float32 to a cosine of "
                f"{self.cosine_mean:.4f} (worst {self.cosine_worst:.4f}); take another precision "
                "or a higher limit"
            )
