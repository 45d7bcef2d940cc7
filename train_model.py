"""The tutorial's one command: train on `data/<person>/` and say how good the result is.

Everything after `python train_model.py` is passed on to `knownface train`, for instance
`python train_model.py --recipe seed`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from knownface.cli import main


def find_data() -> tuple[Path, list[str]]:
    """`data/`, or the photos of a developer's `KNOWNFACE_SHARED`, and the options they bring."""
    data = Path("data")
    if data.is_dir():
        return data, []
    shared = Path(os.environ.get("KNOWNFACE_SHARED", "../shared")) / "data"
    if (shared / "people").is_dir():
        return shared / "people", ["--strangers", str(shared / "strangers")]
    return data, []  # `knownface train` says what is expected there


if __name__ == "__main__":
    folder, options = find_data()
    sys.argv = ["knownface", "train", str(folder), *options, *sys.argv[1:]]
    main()
