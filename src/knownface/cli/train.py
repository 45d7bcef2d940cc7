"""`knownface train`."""

from __future__ import annotations

from typing import Any

from knownface.cli import options
from knownface.cli.console import print_json, session
from knownface.cli.printing import print_evaluation
from knownface.training.config import TrainingRequest


@options.asking(TrainingRequest)
def train(
    asked: dict[str, Any], as_json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """Train on DATA/<person>/*.jpg: a run folder with recogniser, evaluation and report."""
    with session(quiet or as_json, notes=not quiet) as track:
        TrainingRequest(**asked)  # what is wrong is said before anything heavy is imported
        import knownface

        run = knownface.train(**asked, track=track)
        if as_json:
            print_json(run.evaluation.to_json() | {"run": str(run.folder)})
        else:
            print_evaluation(run.evaluation)
            print(f"Report: {run.folder / 'report.html'}")
            print(f"Try it: knownface recognize {run.folder} PHOTO")
