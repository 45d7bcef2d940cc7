"""The verb: erase every trace of somebody, and write the run's report again without them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.options import Option
from knownface.recognition.artifact import artifact_folder

if TYPE_CHECKING:
    from knownface.recognition.living.records import Receipt

WRITTEN = ("report.html", "confusion_matrix.png", "model_card.md")

log = logging.getLogger(__name__)


def forget(
    recognizer: Annotated[Path | str, Option("A run or recognizer folder.")],
    name: Annotated[str, Option("Who.")],
    *,
    receipt: Annotated[Path | str | None, Option("A new file for the receipt, JSON.")] = None,
) -> Receipt:
    """Erase every trace of somebody, and prove it; this cannot be undone.

    Gone are faces, templates, corrections, history, cached crops, names and faces in what the run
    wrote, whose report is written again without pictures, and the folder that `group` made. The
    receipt holds nothing of the person.
    Raises KnownfaceError where nobody has that name.
    """
    from knownface.files.whole import whole_file
    from knownface.recognition.living.gallery import LivingGallery

    gallery = LivingGallery(recognizer)
    given = gallery.forget(name)
    given = given.after(write_again(gallery.folder.parent))
    if receipt is not None:
        from knownface.files.runs import write_json

        with whole_file(Path(receipt)) as part:
            write_json(part, given.to_json())
    return given


def write_again(run: Path) -> list[str]:
    """What forgetting erased of a run folder's report and model card, of the numbers alone.

    Gives the names of the files that were written. Of folders that `group` made, those that are not
    to be there any more go.
    """
    from knownface.cluster.folders import sort_again

    try:
        sort_again(run)
    except (KnownfaceError, OSError) as error:
        log.warning("The folders could not be sorted again: %s", error)
    if not (run / "evaluation.json").is_file():
        return []
    from knownface.measure.evaluation import Evaluation
    from knownface.pages.model_card import write_model_card
    from knownface.pages.report import write_report
    from knownface.recognition.record import Artifact

    try:
        evaluation = Evaluation.load(run / "evaluation.json")
        write_report(run, evaluation, forgotten=True)
        about = Artifact.read(artifact_folder(run)).about
        write_model_card(run / "model_card.md", evaluation, about)
    except (KnownfaceError, OSError) as error:
        log.warning("The report could not be written again: %s", error)
    return [name for name in WRITTEN if (run / name).is_file()]
