"""From photos to runs: train, compare, evaluate, report.

What is a field of `TrainingConfig` is only declared here; `training_options` takes it from the
context, so that no option is passed on by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session, writing
from knownface.cli.printing import print_comparison, print_evaluation, print_rows
from knownface.errors import KnownfaceError


def train(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbone: options.BackboneName = "auto",
    recipe: Annotated[str, typer.Option(help="best, seed or frozen.")] = "best",
    loss: options.Loss = None,
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    strangers: options.Strangers = None,
    faces: options.Faces = "detect",
    epochs: options.Epochs = None,
    batch_size: Annotated[int, typer.Option()] = 32,
    learning_rate: Annotated[float, typer.Option()] = 1e-4,
    validation: options.Validation = 0.2,
    split: options.Split = None,
    folds: options.Folds = None,
    far_target: options.Far = 0.01,
    seed: Annotated[int, typer.Option()] = 0,
    precision: options.Precision = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run cut off.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files.")] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Log to MLflow as well.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; default: a new one in runs/.")
    ] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train on DATA/<person>/*.jpg: a run folder with recogniser, evaluation and report."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.training.train import train as run_training

        run = run_training(data, out, track, resume=resume, **options.training_options(context))
        if as_json:
            print_json(run.evaluation.to_json() | {"run": str(run.folder)})
        else:
            print_evaluation(run.evaluation)
            print(f"Report: {run.folder / 'report.html'}")
            print(f"Try it: knownface recognize {run.folder} PHOTO")


def compare(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder per person.")],
    backbones: Annotated[str, typer.Option(help="Names, separated by commas.")] = (
        "facenet,vggface2,senet,arcface,mobilefacenet"
    ),
    recipes: Annotated[str, typer.Option(help="best, seed or frozen, separated by commas.")] = (
        "best"
    ),
    weight_files: Annotated[
        list[str] | None,
        typer.Option("--weights", help="BACKBONE=FILE or BACKBONE=none; may be repeated."),
    ] = None,
    accept_license: options.Licence = False,
    loss: options.Loss = None,
    strangers: options.Strangers = None,
    faces: options.Faces = "detect",
    epochs: options.Epochs = None,
    validation: options.Validation = 0.2,
    split: options.Split = None,
    far_target: options.Far = 0.01,
    seed: Annotated[int, typer.Option()] = 0,
    precision: options.Precision = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for the runs; default: in runs/.")] = (
        None
    ),
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train several backbones and recipes on one split: one table, one report."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.training.compare import compare as run_comparison

        result = run_comparison(
            data,
            _listed(backbones),
            _listed(recipes),
            out,
            track,
            dict(_assigned(text) for text in weight_files or []),
            **options.training_options(context),
        )
        if as_json:
            print_json(result.to_json())
        else:
            print_comparison(result)
            print(f"Report: {result.folder / 'report.html'}")


def evaluate(
    recognizer: Annotated[Path, typer.Argument(help="A run or recognizer folder.")],
    data: Annotated[Path, typer.Argument(help="People, in sub-folders named as enrolled.")],
    strangers: options.Strangers = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and report.")] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Test a recogniser on photos it has not seen; enrolled photos are left out."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.dataset.folder import scan_folders

        scan_folders(data, strangers)  # a missing one is said before the rest is loaded
        from knownface.measure.evaluate import read_and_evaluate
        from knownface.measure.explanation import explain
        from knownface.pages.report import write_report
        from knownface.recognition.recognizer import Recognizer

        loaded = Recognizer.load(recognizer, device)
        result, people, others = read_and_evaluate(loaded, data, strangers, track)
        if out:
            with writing(out):
                out.mkdir(parents=True, exist_ok=True)
                result.save(out / "evaluation.json")
                write_report(out, result, explain(loaded, people, others, track))
        if as_json:
            print_json(result.to_json())
        else:
            print_evaluation(result)
            if out:
                print(f"Report: {out / 'report.html'}")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders made by train.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("runs/report.html"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put several finished runs side by side on one page."""
    with session(quiet or as_json, notes=not quiet):
        from knownface.measure.run import read_run, tested_on_the_same
        from knownface.pages.compare import write_comparison

        if out.is_dir():
            raise KnownfaceError(f"--out {out}: is a folder; name a file in it")
        rows = [read_run(folder) for folder in runs]
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_comparison(out, rows, Path(), tested_on_the_same(runs))
        if as_json:
            print_json({"rows": [row.to_json() for row in rows]})
            note(f"Page: {out}")
        else:
            print_rows(rows)
            print(f"Page: {out}")


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _assigned(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise KnownfaceError(f"--weights {text}: write BACKBONE=FILE, such as facenet=weights.h5")
    return name, value
