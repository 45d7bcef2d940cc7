"""The similarity from which a face gets a name, and how it is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.values import Cosine, Share
from knownface.networks.record import Impostors
from knownface.options import argument
from knownface.recognition.gallery import Gallery
from knownface.stats import metrics

FAR_TARGET = 0.01
# Robust standard deviations above the median from which a similarity is no stranger's: in 300 draws
# of 3 to 20 people with 2 to 12 photos the highest lies at 5.1, photos of one person under two
# names at about 10. At least so much is one: few photos may happen to be equally similar.
IMPLAUSIBLE = 6.0
LEAST_SPREAD = 0.05
# Mean similarity of one person's photos with another from which the two do not stand for strangers,
# where 0 is two people and 1 the other's own photos. In 1,500 draws of 3 to 20 people with 1 to 20
# photos the highest lies at 0.57; folders that are half somebody else's reach 0.65 in most draws.
TOO_CLOSE = 0.62
EACH_IN_TURN = "each person in turn as the stranger"


@dataclass(frozen=True)
class Threshold:
    """Cosine at or above which a face gets a name, and how it was chosen."""

    value: Cosine
    far_target: Share
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
        plays the stranger, unless the strangers are so many that one of them may be accepted:
        people who know each other may look alike, and are told apart by name. So many have an
        exponential tail; of fewer, the threshold is the higher one of the empirical quantile and
        that of a normal fit, which is steadier. It is at least what the backbone's measured
        `impostors` predict for a gallery of this size, because two or three people cannot stand
        for all strangers. raced: (k,) best similarities of people who were left out while the
        network was chosen.
    So that no wrongly filed photos decide for everybody, pairs of people who are too close and
    similarities far above all others do not count. Raises KnownfaceError where one person is alone
    and nothing else says how similar strangers are.
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
    plenty = strangers is not None and len(strangers) * far_target >= 1
    if len(gallery.people) > 1 and ((use_people and not plenty) or not scores):
        scores.append(_in_turn(gallery))
        sources.append(f"{EACH_IN_TURN} ({len(gallery.embeddings)} training photos)")
    if not scores and impostors is None:
        raise KnownfaceError(
            f"{gallery.people[0]} is alone, and nobody has measured for this network how similar "
            f"strangers look: give photos of other people with {argument('strangers', ...)}"
        )
    value = -1.0
    if scores:
        best = _plausible(np.concatenate(scores).astype(np.float64))
        value = (metrics.threshold_in_tail if plenty else _of_few)(best, far_target)
    if impostors is not None:
        # A stranger is compared with every template: 1 - (1 - f)^p is about p f.
        predicted = impostors.threshold("templates", far_target / len(gallery.people))
        if predicted >= value:
            value = predicted
            sources = [f"the backbone's own measurements on {impostors.people} other people"]
    return Threshold(min(value, 1.0), far_target, " and ".join(sources))


def _in_turn(gallery: Gallery) -> np.ndarray:
    """The best similarity (n,) of each enrolled photo with people who stand for strangers."""
    scores, labels = gallery.scores(gallery.embeddings), gallery.labels
    return metrics.best_of_others(scores, labels, too_close(scores, labels))


def too_close(scores: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of people who cannot stand for strangers: scores (n, p) of enrolled photos, labels."""
    people = scores.shape[1]
    sums = np.zeros((people, people))
    np.add.at(sums, labels, scores)
    means = sums / np.maximum(np.bincount(labels, minlength=people), 1)[:, None]
    others = ~np.eye(people, dtype=bool)
    if people < 2:
        return []
    stranger = np.median(means[others])
    own = np.maximum(means.diagonal() - stranger, 1e-3)
    close = others & (means - stranger >= TOO_CLOSE * own)
    return [(int(a), int(b)) for a, b in np.argwhere(close)]


def _plausible(best: np.ndarray) -> np.ndarray:
    """Similarities (n,) without those far above all others, by median absolute deviation."""
    middle = np.median(best)
    spread = max(1.4826 * float(np.median(np.abs(best - middle))), LEAST_SPREAD)
    return np.asarray(best[best <= middle + IMPLAUSIBLE * spread])


def _of_few(best: np.ndarray, far: float) -> float:
    """What all but a share `far` of similarities (n,) stay below: empirically, or in a normal fit.

    The higher of both.
    """
    from scipy.special import ndtri

    normal = float(best.mean() + ndtri(1 - far) * best.std())
    return max(metrics.threshold_at_far(best, far), normal)
