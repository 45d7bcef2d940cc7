"""The tutorial's one command: train on `data/<person>/` and say how good the result is.

Without `data/` it invents people, so that everything can be tried with nobody's photo. Everything
after `python train_model.py` is passed on to `knownface train`, for instance
`python train_model.py --recipe seed`.
"""

from __future__ import annotations

import os
import sys

from knownface.cli import main

INVENTED = "demo-people"


def find_data() -> list[str]:
    """`data/`, or a folder of invented people and strangers, as arguments of `train`."""
    import subprocess

    if os.path.isdir("data"):
        return ["data"]
    if not os.path.isdir(INVENTED):
        print("No photos in data/<person>/, so people are invented.", file=sys.stderr, flush=True)
        invent = [sys.executable, "-m", "knownface", "demo", INVENTED, "--strangers", "160"]
        if code := subprocess.run(invent).returncode:
            sys.exit(code)
    print("Your own photos in data/<person>/ would say more.", file=sys.stderr, flush=True)
    return [os.path.join(INVENTED, "people"), "--strangers", os.path.join(INVENTED, "strangers")]


if __name__ == "__main__":
    main(lambda: ["train", *find_data(), *sys.argv[1:]])
