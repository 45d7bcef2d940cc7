"""How probable it is that the most similar person is the right one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from knownface.networks.record import Impostors
from knownface.recognition.gallery import Gallery
from knownface.recognition.threshold import Threshold, choose_threshold, too_close
from knownface.stats import metrics

# Where nothing can be fitted: about that of 20 people with 8 photos each (MobileFaceNet, on the
# development set; 5 people have 14, 20 with 32 photos 24).
SLOPE = 20.0
# Platt (1999) doubts n photos by 1 / (n + 2). A tenth of that is right for the few photos that
# people give: of 10 people with 4 photos each, the error on new photos was 0.018 instead of 0.034.
DOUBT = 0.1


@dataclass(frozen=True)
class Confidence:
    """The probability that a face shows its nearest person, by how similar it is to them.

    A logistic curve, 1 / (1 + exp(-slope (similarity - midpoint))), for a face of which nothing
    else is known: as likely a stranger's as that of an enrolled person.
    source: what it was fitted on. Raises ValueError for numbers that make no rising curve.
    """

    slope: float
    midpoint: float
    source: str

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.midpoint)):
            raise ValueError(f"no rising curve: slope {self.slope}, midpoint {self.midpoint}")

    def __call__(self, similarity: np.ndarray) -> np.ndarray:
        """Probabilities of cosines, of the same shape."""
        logits = self.slope * (np.asarray(similarity, float) - self.midpoint)
        return np.asarray((1 + np.tanh(logits / 2)) / 2)

    @classmethod
    def assumed(cls, threshold: Threshold) -> Confidence:
        """Where there are no photos to fit it on: even at the threshold, with the usual slope."""
        return cls(SLOPE, threshold.value, "the threshold alone")

    @classmethod
    def fit(
        cls, gallery: Gallery, threshold: Threshold, strangers: np.ndarray, use_people: bool = True
    ) -> Confidence:
        """Fit it on training photos, each compared with templates that it has no part in.

        strangers: (m,) best similarities of strangers, who count as much as all known people
            together. use_people: each enrolled person in turn also plays the stranger, as for
            the threshold.
        People who are one person under two names say nothing of each other.
        """
        scores, labels = gallery.scores_without_itself()
        if not len(labels):
            return cls.assumed(threshold)
        parts, same = [np.asarray(strangers, float)], one_person(gallery)
        if len(gallery.people) > 1 and (use_people or not len(strangers)):
            parts.append(metrics.best_of_others(np.where(same[labels], -1.0, scores), labels))
        impostors = np.concatenate(parts)
        right = same[labels, scores.argmax(1)]
        if not len(impostors) or not right.any():
            return cls.assumed(threshold)
        similarity = np.concatenate([scores.max(1), impostors])
        correct = np.concatenate([right, np.zeros(len(impostors), bool)])
        weights = np.repeat([1 / len(right), 1 / len(impostors)], [len(right), len(impostors)])
        slope, midpoint = _logistic(similarity, correct, weights)
        if slope <= 0:
            return cls.assumed(threshold)
        source = f"{len(right)} training photos against {len(impostors)} of strangers"
        return cls(slope, midpoint, source)


def calibrate(
    gallery: Gallery,
    aside: np.ndarray | None,
    far_target: float,
    fitted: bool,
    impostors: Impostors | None,
    raced: np.ndarray | None = None,
) -> tuple[Threshold, Confidence]:
    """The threshold for a gallery, and what is made of a similarity.

    aside: embeddings (m, d) of strangers set aside for it, or None; impostors, raced: as in
        `choose_threshold`. fitted: whether the network was trained on these very people, who then
        do not stand for strangers, nor do the backbone's measurements.
    """
    raced = raced if fitted and aside is None else None
    measured = None if fitted else impostors
    threshold = choose_threshold(gallery, aside, far_target, not fitted, measured, raced)
    best = [gallery.match(aside)[1]] if aside is not None else []
    best += [raced] if raced is not None else []
    outside = np.concatenate(best) if best else np.zeros(0)
    return threshold, Confidence.fit(gallery, threshold, outside, not fitted)


def one_person(gallery: Gallery) -> np.ndarray:
    """Which people are too close for two: (p, p) bool. Everybody is the same as themselves."""
    same = np.eye(len(gallery.people), dtype=bool)
    for a, b in too_close(gallery.scores(gallery.embeddings), gallery.labels):
        same[a, b] = same[b, a] = True
    return same


def _logistic(x: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and midpoint of least cross-entropy, with Platt's targets: all (n,)."""
    from scipy.optimize import minimize

    counts = np.where(correct, correct.sum(), (~correct).sum())
    doubt = DOUBT / (counts + 2 * DOUBT)
    target = np.where(correct, 1 - doubt, doubt)
    mean, spread = x.mean(), max(float(x.std()), 1e-9)
    z = (x - mean) / spread

    def cross_entropy(curve: np.ndarray) -> float:
        logit = curve[0] * (z - curve[1])
        return float((weights * (np.logaddexp(0, logit) - target * logit)).sum())

    slope, midpoint = minimize(cross_entropy, [3.0, 0.0], method="Nelder-Mead").x
    return float(slope / spread), float(mean + spread * midpoint)
