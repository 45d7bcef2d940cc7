"""`knownface train`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.cli.printing import described, print_evaluation
from knownface.progress import Track
from knownface.training.config import TrainingRequest
from knownface.training.launched import Helped


@asking(TrainingRequest)
def train(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    TrainingRequest(**asked)  # what is wrong is said before anything heavy is imported
    try:
        run = knownface.train(**asked, track=track)
    except Helped as done:
        return note(f"{done}.")
    if as_json:
        print_json(described(run.evaluation) | {"run": str(run.folder)})
    else:
        print_evaluation(run.evaluation)
        if run.evaluation.tested:
            say("After the test all usable photos were enrolled, the test photos too.")
        say(f"Report: {run.folder / 'report.html'}")
        say(f"Try it: knownface recognize {run.folder} PHOTO")
