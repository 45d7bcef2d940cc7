"""Recipe `best` against `seed`: how long each takes, whole runs, and how good it ends.

    python benchmarks/time_to_accuracy.py PEOPLE STRANGERS [--backbone mobilefacenet]

Same backbone, same split, crops cached by a run before. `best` must end at least as high as `seed`;
its whole run, with everything that it tried, is what is compared.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import knownface


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people")
    parser.add_argument("strangers")
    parser.add_argument("--backbone", default="mobilefacenet")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        seconds = {}
        split = None
        for recipe in ("frozen", "best", "seed"):
            run = knownface.train(
                arguments.people, out=Path(name) / recipe, backbone=arguments.backbone,
                recipe=recipe, strangers=arguments.strangers, split=split,
            )  # fmt: skip
            split, result = str(run.folder / "split.json"), run.evaluation
            seconds[recipe] = result.seconds
            print(
                f"{recipe}: {result.seconds:.0f} s, chosen {result.chosen}, accuracy "
                f"{result.accuracy:.3f} ({result.accuracy_ci95[0]:.3f} to "
                f"{result.accuracy_ci95[1]:.3f}), DIR {result.dir_at_1_percent:.3f}",
                flush=True,
            )
        print(f"seed takes {seconds['seed'] / seconds['best']:.0f} times as long as best")


if __name__ == "__main__":
    main()
