"""The tutorial's one command: train on `data/<person>/` and say how good the result is.

Without `data/` it invents people, so that everything can be tried with nobody's photo. Everything
after `python train_model.py` is passed on to `knownface train`, for instance
`python train_model.py --recipe seed`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from knownface.cli import main

INVENTED = Path("demo-people")


def find_data() -> list[str]:
    """`data/`, or a folder of invented people and strangers, as arguments of `train`."""
    if Path("data").is_dir():
        return ["data"]
    if not INVENTED.is_dir():
        print("No photos in data/<person>/, so people are invented.", file=sys.stderr, flush=True)
        invent = [sys.executable, "-m", "knownface", "demo", str(INVENTED), "--strangers", "160"]
        if code := subprocess.run(invent).returncode:
            sys.exit(code)
    print("Your own photos in data/<person>/ would say more.", file=sys.stderr, flush=True)
    return [str(INVENTED / "people"), "--strangers", str(INVENTED / "strangers")]


if __name__ == "__main__":
    sys.argv = ["knownface", "train", *find_data(), *sys.argv[1:]]
    main()
