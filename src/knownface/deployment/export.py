"""The verb: a recogniser in another format or precision, accepted after it was tested again."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from knownface.deployment.formats import check_possible
from knownface.files.runs import run_folder, write_json
from knownface.options import Option, checked, share
from knownface.progress import Track, silent
from knownface.runtime.exported import Exported, Format
from knownface.runtime.exported import Precision as Stored

if TYPE_CHECKING:
    import numpy as np

    from knownface.deployment.gate import Comparison
    from knownface.deployment.photos import RunPhotos
    from knownface.embed.embedder import Embedder
    from knownface.measure.evaluation import Evaluation

log = logging.getLogger(__name__)

TURNS, TIMED = 3, 64  # of the measured rate: rounds, and crops in each
NO_BFLOAT16 = (
    "This CPU has no instructions for bfloat16: the weights are in 16 bits, and it was tested in "
    "float32; a CPU that has them computes in bfloat16, so evaluate it there again"
)
Limit = Annotated[
    float,
    share("Share of test photos, and of strangers, that may be lost; one in any case.", 0.003),
]


@dataclass(frozen=True)
class Export:
    """What was exported: its folder, how it did, and that beside the network it was made from."""

    folder: Path
    evaluation: Evaluation
    comparison: Comparison

    def __repr__(self) -> str:
        return f"Export({str(self.folder)!r}, {self.comparison.lines()[0]})"


def export(
    recognizer: Annotated[Path | str, Option("A run folder made by train.")],
    *,
    format: Annotated[Format, Option("onnx, openvino or litert.")] = "onnx",
    precision: Annotated[Stored, Option("fp32, bf16, fp16 or int8.")] = "fp32",
    out: Annotated[Path | str | None, Option("The folder; default: a new one in runs/.")] = None,
    limit: Limit = 0.003,
    data: Annotated[
        Path | str | None, Option("Where the run's photos lie, if they were moved.")
    ] = None,
    strangers: Annotated[
        Path | str | None, Option("Where the run's strangers lie, if they were moved.")
    ] = None,
    track: Track = silent,
) -> Export:
    """Write a recogniser for another runtime, with its own gallery, threshold and confidence.

    recognizer: a run folder, for what is written is tested on the run's photos as the run was.
    out: the folder, which appears when it is complete; an existing one is never touched.
    limit: the share of test photos, and of strangers, that it may lose against float32; one photo
        is allowed in any case. data, strangers: where the run's photos lie now.
    int8 is calibrated on training photos. Raises KnownfaceError, and nothing is left behind, where
    it lost more, where the runtime has no such precision, and where photos are gone.
    """
    checked("format", Format, format)
    checked("precision", Stored, precision)
    checked("limit", Limit, limit)
    exported = Exported(format, precision)
    check_possible(exported)
    from knownface.deployment.photos import Run, read_run_photos
    from knownface.measure.evaluate import evaluate
    from knownface.recognition.recognizer import Recognizer

    run = Run.read(Path(recognizer)).located(data, strangers)
    plain = Recognizer.load(run.folder, "cpu", "float32")
    name = f"{run.folder.resolve().name}-{format}-{precision}"
    with run_folder(Path(out) if out else None, name) as place:
        before = read_run_photos(run, plain, track).seen_by(plain.embedder, track)
        scratch = place.work / "made"
        scratch.mkdir()
        embedder, facts = _written(exported, before, scratch)
        after = before.seen_by(embedder, track)
        tested = [
            evaluate(each.as_tested(), each.testing, each.strangers, each.untouched)
            for each in (before, after)
        ]
        comparison = _compared(before, after, tested, limit, facts)
        comparison.check()
        after.recognizer.save(place.work)
        tested[1].save(place.work / "evaluation.json")
        write_json(place.work / "export.json", comparison.to_json())
        shutil.rmtree(scratch)
    return Export(place.final, tested[1], comparison)


def _written(
    exported: Exported, before: RunPhotos, folder: Path
) -> tuple[Embedder, dict[str, Any]]:
    """The exported network, ready to run, and what is to be said of how it was made."""
    import numpy as np

    from knownface.deployment.formats import write_network
    from knownface.deployment.quantise import CALIBRATION, CHECK, write_quantised
    from knownface.embed.embedder import Embedder
    from knownface.recognition.recognizer import KERAS

    source, facts = before.recognizer.embedder.path, dict[str, Any]()
    order = np.random.default_rng(0).permutation(before.training)[: CALIBRATION + CHECK]
    crops = np.asarray(before.enrolled.crops[order])
    if exported.precision == "int8":
        facts["calibration"] = min(len(order), CALIBRATION)
    if exported.format == "litert":
        from knownface.deployment.litert import write_litert

        path = write_litert(source.with_name(KERAS), exported.precision, folder, crops)
    elif exported.precision == "int8":
        wanted = before.enrolled.embeddings[order]
        path, facts["float_layers"] = write_quantised(source, exported, folder, crops, wanted)
    else:
        path = write_network(source, exported, folder)
    known = before.recognizer.gallery.comparison
    second = known.second if known else None
    embedder = Embedder(path, "cpu", exported=exported, second=second)
    if exported.precision == "bf16" and "bfloat16" not in embedder.device.split(",")[-1]:
        facts["notes"] = [NO_BFLOAT16]
        log.warning(NO_BFLOAT16)
    return embedder, facts


def _compared(
    before: RunPhotos,
    after: RunPhotos,
    tested: Sequence[Evaluation],
    limit: float,
    facts: Mapping[str, Any],
) -> Comparison:
    import numpy as np

    from knownface.deployment.gate import Comparison, Rates
    from knownface.stats.vectors import cosines

    parts = [
        [photos.testing, *([photos.strangers] if photos.strangers else [])]
        if len(photos.testing)
        else [photos.enrolled]
        for photos in (before, after)
    ]
    same = cosines(*(np.concatenate([each.embeddings for each in some]) for some in parts))
    embedders = [photos.recognizer.embedder for photos in (before, after)]
    rates = _rates(embedders, np.asarray(before.enrolled.crops[:TIMED]))
    sizes = [sum(file.stat().st_size for file in each.files) for each in embedders]
    exported = embedders[1].exported
    assert exported
    return Comparison(
        exported.format, exported.precision, float(same.mean()), float(same.min()), len(same),
        tested[1].tested, tested[1].open_set.far_trials, Rates.of(tested[1]), Rates.of(tested[0]),
        limit, sizes[1], sizes[0], rates[1], rates[0], embedders[1].device, **facts,
    )  # fmt: skip


def _rates(embedders: Sequence[Embedder], crops: np.ndarray) -> list[float]:
    """Crops that each embeds per second: the best of some turns, which they take one by one."""
    best = [math.inf] * len(embedders)
    for _ in range(TURNS):
        for i, embedder in enumerate(embedders):
            start = time.perf_counter()
            embedder.embed(crops)
            best[i] = min(best[i], time.perf_counter() - start)
    return [round(len(crops) / seconds, 1) for seconds in best]
