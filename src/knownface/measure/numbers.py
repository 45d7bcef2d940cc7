"""What each number of an evaluation is called, what it means, and how it is written.

Pages, the command line and `docs/evaluation.md` say it in these words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knownface.measure.evaluation import Evaluation

Cell = str | tuple[str, float]  # of a table; a number carries what it is sorted by
INTERVAL = "95 % interval"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def between(interval: tuple[float, float]) -> str:
    """On pages."""
    return f"{percent(interval[0])} to {percent(interval[1])}"


def rate(share: float | None, interval: tuple[float, float] | None) -> str:
    """On pages, a share with its interval."""
    if share is None or interval is None:
        return "not tested"
    return f"{percent(share)} ({between(interval)})"


def bounds(interval: tuple[float, float]) -> str:
    """On the command line."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


@dataclass(frozen=True)
class Number:
    """key: where `evaluation.json` has it, levels parted by dots, `[]` for each of a list.

    written: for pages and tables; the command line writes three decimals, as the document has it.
    missing: the cell of a table where there is none. ci95: the key of its interval, if it has one.
    """

    key: str
    name: str
    meaning: str
    written: Callable[[float], str] = percent
    missing: Cell = ("not measured", -1.0)
    ci95: str = ""

    def of(self, evaluation: Evaluation) -> Any:
        """Its value; None where it was not measured."""
        return _follow(evaluation, self.key)

    def interval(self, evaluation: Evaluation) -> tuple[float, float] | None:
        found: tuple[float, float] | None = _follow(evaluation, self.ci95) if self.ci95 else None
        return found

    @property
    def definition(self) -> str:
        """`Recall: of the person's photos, ...`."""
        return f"{self.name}: {self.meaning[0].lower()}{self.meaning[1:]}"

    def cell(self, value: float | None) -> Cell:
        return self.missing if value is None else (self.written(value), value)

    def said(self, evaluation: Evaluation) -> str:
        """`Accuracy 0.994 (95 % interval 0.965 to 0.999)`."""
        interval = self.interval(evaluation)
        known = f" ({INTERVAL} {bounds(interval)})" if interval else ""
        return f"{self.name} {self.of(evaluation):.3f}{known}"


def _follow(value: Any, key: str) -> Any:
    for part in key.split(".", 2):  # the third may be a rate, such as 0.01
        if value is not None:
            value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return value


def _count(number: float) -> str:
    return f"{number:.0f}"


def _decimals(number: float) -> str:
    return f"{number:.3f}"


def _two(similarity: float) -> str:
    return f"{similarity:.2f}"


# ---------------------------------------------------------------- of its people
ACCURACY = Number(
    "accuracy", "Accuracy",
    "The share of test photos that are most like the right person, whatever the threshold.",
    ci95="accuracy_ci95",
)  # fmt: skip
BALANCED_ACCURACY = Number(
    "balanced_accuracy", "Balanced accuracy",
    "The mean over people of each one's share of right answers, so that people with many photos "
    "do not count more.",
)  # fmt: skip
TOP5_ACCURACY = Number(
    "top5_accuracy", "Among the first five",
    "How often the right person is one of the five most similar, or of all where they are fewer.",
)  # fmt: skip
RANDOM_SPLIT = Number(
    "split.random_split_accuracy", "A random split",
    "What a test would have claimed that lets near-duplicates of training photos in. It is shown "
    "as a warning, not as a result.",
)  # fmt: skip
CROSS_VALIDATED = Number(
    "folds.accuracy", "Cross-validation",
    "Accuracy when each part of the photos in turn is the test, with templates of the others.",
    ci95="folds.accuracy_ci95",
)  # fmt: skip
TRAINING_PHOTOS = Number("split.train", "Training photos", "Photos enrolled for training.", _count)
TEST_PHOTOS = Number(
    "split.validation",
    "Test photos",
    "Photos kept for the test; none of them was enrolled before it.",
    _count,
)
PRECISION = Number(
    "per_person[].precision", "Precision",
    "Of the photos that got this name, the share that show the person.",
)  # fmt: skip
RECALL = Number(
    "per_person[].recall", "Recall",
    "Of the person's photos, the share that got the right name.", missing=("not tested", -1.0),
)  # fmt: skip
F1 = Number("per_person[].f1", "F1", "The harmonic mean of precision and recall.")
SUPPORT = Number("per_person[].support", "Photos", "How many of the person were tested.", _count)

# ---------------------------------------------------------------- against strangers
THRESHOLD = Number(
    "open_set.threshold", "Threshold", "The similarity from which a face gets a name.", _decimals
)
DIR = Number(
    "open_set.dir", "Named rightly (DIR)",
    "The share of known faces that get the right name at the threshold.", ci95="open_set.dir_ci95",
)  # fmt: skip
FAR = Number(
    "open_set.far", "Strangers accepted (FAR)",
    "The share of strangers' photos that are taken for somebody known.", ci95="open_set.far_ci95",
)  # fmt: skip
DIR_AT_FAR_1 = Number(
    "open_set.dir_at_far.0.01", "DIR at FAR 1 %",
    "The share of known faces named rightly where the threshold lets 1 % of strangers in.",
    ci95="open_set.dir_at_far_ci95.0.01",
)  # fmt: skip

# ---------------------------------------------------------------- confidence, look-alikes, cost
CALIBRATION_ERROR = Number(
    "calibration.ece", "Calibration error",
    "The mean gap between the confidence that is stated and how often it is right (ECE).",
)  # fmt: skip
TEMPERATURE = Number(
    "calibration.temperature", "Temperature",
    "Similarities are divided by this before they become probabilities; it was fitted on training "
    "photos.", lambda value: f"{value:.3g}",
)  # fmt: skip
SIMILARITY = Number(
    "look_alikes[].similarity", "Similarity", "The cosine of two people's templates.", _two
)
MARGIN = Number(
    "look_alikes[].margin", "Margin",
    "How much more, at worst, a training photo is like its own person than like the other; the "
    "smaller, the harder.", _two, ("unknown", 2.0),
)  # fmt: skip
CONFUSED = Number(
    "look_alikes[].confused", "Photos confused", "Of one, taken for the other, in the test.",
    _count,
)  # fmt: skip
SECONDS = Number("seconds", "Seconds", "What the run took, reading included.", _count)
RATE = Number(
    "images_per_second", "Images per second",
    "Crops embedded by a run of train; photos read, embedded and tested by evaluate.", _count,
)  # fmt: skip
PARAMETERS = Number(
    "parameters",
    "Parameters",
    "Of the network.",
    lambda count: f"{count / 1e6:.1f} M",
    ("unknown", -1.0),
)  # of a row of `compare` and `report`, not of the evaluation
