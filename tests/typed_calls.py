"""What editors and mypy see of the verbs; checked by mypy, never run.

An unused `type: ignore` is an error too, so that each of them proves that the call is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import knownface


def right() -> None:
    run = knownface.train("data", recipe="frozen", epochs=3, out=Path("runs/data"), resume=True)
    assert_type(run, knownface.TrainingRun)
    everything = knownface.compare("data", recipes=["seed"], weights={"facenet": "none"}, seed=1)
    assert_type(everything, knownface.Comparison)
    assert_type(knownface.check("data", faces="cropped"), knownface.Diagnosis)
    assert_type(knownface.evaluate("runs/data", "other"), knownface.Evaluation)
    assert_type(knownface.evaluate(run.recognizer, "other"), knownface.Evaluation)
    assert_type(knownface.recognize("runs/data", ["a.jpg"]), Iterator[knownface.Recognition])
    assert_type(knownface.verify("a.jpg", "b.jpg", far=0.01), knownface.Verification)
    assert_type(knownface.benchmark("pairs.txt", "images"), knownface.Benchmark)
    assert_type(knownface.export("runs/data", format="onnx", precision="int8"), knownface.Export)
    assert_type(knownface.import_people("folders", "p", "runs/data"), knownface.Imported)


def wrong() -> None:
    knownface.train()  # type: ignore[call-arg]
    knownface.train("data", "runs/data")  # type: ignore[call-arg]
    knownface.train("data", magic=1)  # type: ignore[call-arg]
    knownface.train("data", recipe="magic")  # type: ignore[arg-type]
    knownface.train("data", epochs="3")  # type: ignore[arg-type]
    knownface.compare("data", backbone="mini")  # type: ignore[call-arg]
    knownface.compare("data", recipes=["magic"])  # type: ignore[list-item]
    knownface.check("data", faces="some")  # type: ignore[arg-type]
    knownface.export("runs/data", format="tflite")  # type: ignore[arg-type]
