"""The similarity from which a face gets a name, and how it is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.networks.record import Impostors
from knownface.recognition.gallery import Gallery
from knownface.stats import metrics

FAR_TARGET = 0.01
EACH_IN_TURN = "each person in turn as the stranger"


@dataclass(frozen=True)
class Threshold:
    """Cosine at or above which a face gets a name, and how it was chosen."""

    value: float
    far_target: float
    source: str


def choose_threshold(
    gallery: Gallery,
    strangers: np.ndarray | None,
    far_target: float = FAR_TARGET,
    use_people: bool = True,
    impostors: Impostors | None = None,
    raced: np.ndarray | None = None,
) -> Threshold:
    """Choose the threshold on training photos and on strangers set aside for it.

    strangers: their embeddings (m, d), or None; use_people: each enrolled person in turn also
        plays the stranger. The threshold is the highest of the empirical quantile, that of a
        normal fit, which is steadier where photos are few, and of what the backbone's measured
        `impostors` predict for a gallery of this size, because two or three people cannot stand
        for all strangers. raced: (k,) best similarities of people who were left out while the
        network was chosen.
    Networks that were trained on these very people push them apart, so that they no longer stand
    for strangers: then `use_people` is only right where there is nobody else.
    """
    scores, sources = [], []
    if strangers is not None and len(strangers):
        scores.append(gallery.match(strangers)[1])
        sources.append(f"{len(strangers)} photos of given strangers")
    if raced is not None and len(raced):
        scores.append(raced)
        sources.append(f"{len(raced)} photos of strangers and people left out of a trial training")
    if use_people or not scores:
        scores.append(metrics.best_of_others(gallery.scores(gallery.embeddings), gallery.labels))
        sources.append(f"{EACH_IN_TURN} ({len(gallery.embeddings)} training photos)")
    best = np.concatenate(scores).astype(np.float64)
    empirical = metrics.threshold_at_far(best, far_target)
    fitted = _normal_quantile(best, 1 - far_target)
    predicted = -1.0
    if impostors is not None:
        # A stranger is compared with every template: 1 - (1 - f)^p is about p f.
        predicted = impostors.threshold("templates", far_target / len(gallery.people))
    value = max(empirical, fitted, predicted)
    if impostors is not None and value == predicted:
        sources = [f"the backbone's own measurements on {impostors.people} other people"]
    return Threshold(min(value, 1.0), far_target, " and ".join(sources))


def _normal_quantile(values: np.ndarray, share: float) -> float:
    from scipy.special import ndtri

    return float(values.mean() + ndtri(share) * values.std())
