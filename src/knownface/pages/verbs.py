"""The verbs whose result can be a page: check, evaluate, report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.dataset.folder import existing_place
from knownface.errors import KnownfaceError
from knownface.options import (
    BackboneName,
    Data,
    Device,
    FacesMode,
    Grouping,
    Licence,
    Option,
    Strangers,
    Weights,
    argument,
)
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder

if TYPE_CHECKING:
    from knownface.diagnosis.findings import Diagnosis
    from knownface.measure.evaluation import Evaluation
    from knownface.measure.run import Run
    from knownface.recognition.recognizer import Recognizer


def check(
    data: Data,
    *,
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: FacesMode = "detect",
    out: Annotated[Path | str | None, Option("The page; default: runs/FOLDER-check.html.")] = None,
    fix: Annotated[
        Path | str | None, Option("A new folder for a cleaned copy of the photos.")
    ] = None,
    device: Device = "auto",
    track: Track = silent,
) -> Diagnosis:
    """Examine a folder of people and say what to mend; nothing in it is changed.

    out: no page where none is given; the command line writes one.
    Raises KnownfaceError for unusable data or options.
    """
    target = Path(fix) if fix else None
    page = _page(out) if out else None
    existing_place(data)
    from knownface.cluster.indexed_people import people_of
    from knownface.diagnosis.check import diagnose
    from knownface.diagnosis.clean import copy_good, new_copy
    from knownface.diagnosis.pipeline import pipeline_as_trained
    from knownface.pages.check import write_check

    dataset, _ = people_of(data)
    with new_copy(target, dataset.root) as copy:
        pipeline = pipeline_as_trained(backbone, weights, accept_license, faces, device, track)
        found = diagnose(dataset, pipeline, track)
        if page:
            with _writing(page):
                write_check(page, found)
        if copy:
            copy_good(found, copy, track)
    return found


def evaluate(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    data: Annotated[
        str | Path, Option("People, in sub-folders named as enrolled, or an index of them.")
    ],
    *,
    strangers: Strangers = None,
    groups: Grouping = None,
    out: Annotated[Path | str | None, Option("Folder for evaluation.json and report.")] = None,
    device: Device = "auto",
    track: Track = silent,
) -> Evaluation:
    """Test a recogniser on photos it has not seen; enrolled photos are left out.

    recognizer: one that is loaded, or a run or recognizer folder; `device` is for the latter.
    data: people, in sub-folders named as enrolled. groups: a CSV file that says who belongs to
    which, `person,age,...`. out: a folder for evaluation.json, report and model card.
    Raises KnownfaceError for unusable data or options.
    """
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))
    for folder in (data, strangers):
        if folder is not None:
            existing_place(folder)  # a missing one is said before anything heavy is imported
    from knownface.cluster.indexed_people import people_of
    from knownface.measure.evaluate import read_and_evaluate
    from knownface.measure.explanation import explain
    from knownface.measure.groups import Groups
    from knownface.pages.model_card import write_model_card
    from knownface.pages.report import write_report
    from knownface.recognition.recognizer import Recognizer

    grouping = Groups.read(groups) if groups else None
    loaded = Recognizer.given(recognizer, device)
    folders = people_of(data, strangers)
    result, people, unknown = read_and_evaluate(loaded, *folders, track, grouping)
    if out:
        explanation = explain(loaded, people, unknown, track)
        with _writing(Path(out)):
            result.save(Path(out) / "evaluation.json")
            write_report(Path(out), result, explanation)
            write_model_card(Path(out) / "model_card.md", result, loaded.about)
    return result


def report(
    runs: Annotated[Sequence[Path | str], Option("Folders made by train.", "RUN...")],
    *,
    out: Annotated[Path | str, Option("The page.")] = Path("runs/report.html"),
) -> list[Run]:
    """Put finished runs side by side on one page; its rows, in the order of `runs`.

    What else is among them, such as files or unfinished runs, is left out, and one line says so.
    Raises KnownfaceError where nothing is a finished run, or the page cannot be written.
    """
    from knownface.measure.run import read_runs, tested_on_the_same
    from knownface.pages.compare import write_comparison

    page, found = _page(out), read_runs([Path(run) for run in runs])
    rows = list(found.values())
    with _writing(page):
        write_comparison(page, rows, Path(), tested_on_the_same(list(found)))
    return rows


def _page(out: str | Path) -> Path:
    page = Path(out)
    if page.is_dir():
        raise KnownfaceError(f"{argument('out', page)}: is a folder; name a file in it")
    return page


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KnownfaceError(f"{place}: cannot be written ({error.strerror})") from None
