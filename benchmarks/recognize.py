"""Photos to names: knownface beside what people would pick instead, on one machine, in one run.

    python benchmarks/recognize.py RECOGNIZER FOLDER... [--rounds 5] [--phone FOLDER]
        [--peer insightface=PYTHON face_recognition=PYTHON deepface=PYTHON]
        [--detector SCRFD.onnx --network MobileFaceNet.onnx]

RECOGNIZER: a run of MobileFaceNet. Each FOLDER holds photos; `--phone` makes one more of those in a
folder whose longer side has 1,500 pixels or more, as phones take them: 4,032 pixels, noise of 6
grey levels, JPEG of quality 90. Each peer has the Python of an environment of its own. InsightFace
(`pip install insightface onnxruntime opencv-python-headless`) is its detector at 640 pixels with
the same network in ONNX Runtime, and names faces by the recogniser's own templates and threshold;
face_recognition (which compiles dlib) and DeepFace (`pip install deepface tf-keras flask`, YuNet
and SFace in the folder of weights that it looks into) embed with networks of their own, and name
nobody here.

Every contender is a process that loads, warms up on two photos, then goes through a folder once
each round; rounds of all contenders take turns, and medians are printed: processor and wall
milliseconds a photo, cores in use, faces found, faces named, the most memory, what starting costs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partialmethod
from pathlib import Path
from typing import Any

COLUMNS = {
    "processor": ".1f",
    "wall": ".1f",
    "cores": ".2f",
    "faces": ".0f",
    "named": ".0f",
    "memory": ".0f",
}
HEAD = """\
| photos | who | processor ms | wall ms | cores | faces | named | MB | start s |
|---|---|---|---|---|---|---|---|---|"""
SIDE, LEAST, NOISE = 4032, 1500, 6.0
Names = Callable[[list[str]], Iterable[list[str | None]]]


# ---------------------------------------------------------------- contenders, each in a process
def knownface_names(given: dict[str, Any]) -> Names:
    from knownface.recognition.recognizer import Recognizer

    recognizer = Recognizer.load(given["recognizer"])
    return lambda paths: (
        [face.name for face in each.faces] for each in recognizer.recognize_photos(paths)
    )


def insightface_names(given: dict[str, Any]) -> Names:
    import cv2
    import numpy as np
    import onnxruntime
    from insightface.app.common import Face
    from insightface.model_zoo import get_model

    # ONNX Runtime takes every processor there is, whatever the process is bound to.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession
    session.__init__ = partialmethod(session.__init__, sess_options=options)
    providers = ["CPUExecutionProvider"]
    detector = get_model(given["detector"], providers=providers)
    detector.prepare(ctx_id=-1, input_size=(640, 640))
    network = get_model(given["network"], providers=providers)
    templates, people = np.array(given["templates"], np.float32), given["people"]

    def names(path: str) -> list[str | None]:
        image = cv2.imread(path)
        if image is None:
            return []
        boxes, points = detector.detect(image, max_num=0, metric="default")
        found: list[str | None] = []
        for box, landmarks in zip(boxes, points, strict=True):
            face = Face(bbox=box[:4], kps=landmarks, det_score=box[4])
            network.get(image, face)
            scores = templates @ face.normed_embedding
            best = int(scores.argmax())
            found.append(people[best] if scores[best] >= given["threshold"] else None)
        return found

    return lambda paths: map(names, paths)


def face_recognition_names(given: dict[str, Any]) -> Names:
    import face_recognition

    def names(path: str) -> list[str | None]:
        pixels = face_recognition.load_image_file(path)
        return [None] * len(face_recognition.face_encodings(pixels))

    return lambda paths: map(names, paths)


def deepface_names(given: dict[str, Any]) -> Names:
    from deepface import DeepFace

    def names(path: str) -> list[str | None]:
        found = DeepFace.represent(
            path, model_name="SFace", detector_backend="yunet", enforce_detection=False
        )  # where no face was found, the whole photo with confidence 0
        return [None for face in found if face["face_confidence"] > 0]

    return lambda paths: map(names, paths)


CONTENDERS = {
    "knownface": knownface_names,
    "insightface": insightface_names,
    "face_recognition": face_recognition_names,
    "deepface": deepface_names,
}


def contend(name: str, given: dict[str, Any]) -> None:
    """Answer each line of folders on stdin with one of numbers on stdout."""
    try:
        names = CONTENDERS[name](given)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    start = time.process_time()
    print(json.dumps({"start": start}), flush=True)
    for line in sys.stdin:
        paths = json.loads(line)
        list(names(paths[:2]))
        processor, wall = time.process_time(), time.perf_counter()
        found = [face for faces in names(paths) for face in faces]
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        print(json.dumps({
            "processor": processor / len(paths) * 1e3, "wall": wall / len(paths) * 1e3,
            "cores": processor / wall, "faces": len(found),
            "named": sum(face is not None for face in found),
            "memory": most_memory(),
        }), flush=True)  # fmt: skip


def most_memory() -> float:
    """MB that this process had at once; `ru_maxrss` would count its parent too."""
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


# ---------------------------------------------------------------- the run
def phone_photos(folder: Path, out: Path) -> Path:
    """Photos of a folder as a phone of 12 million pixels takes them."""
    import numpy as np
    from PIL import Image, ImageOps

    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        scale = SIDE / max(image.size)
        if max(image.size) < LEAST:
            continue
        size = round(image.width * scale), round(image.height * scale)
        pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32)
        pixels = np.clip(pixels + rng.normal(0, NOISE, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(out / f"{path.stem}.jpg", quality=90)
    return out


def described(recognizer: Path) -> dict[str, Any]:
    """What a peer needs to name the same people."""
    from knownface.recognition.recognizer import Recognizer
    from knownface.stats.vectors import unit_length

    loaded = Recognizer.load(recognizer)
    # What was taught small faces is ours alone: of clear photos the first half of a template is
    # the network's own.
    templates = unit_length(loaded.gallery.templates[:, : loaded.embedder.network.width])
    return {
        "recognizer": str(recognizer), "templates": templates.tolist(),
        "people": list(loaded.people), "threshold": loaded.threshold.value,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recognizer", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--phone", type=Path)
    parser.add_argument("--peer", nargs="*", action="extend", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--detector")
    parser.add_argument("--network")
    options = parser.parse_args()
    given = described(options.recognizer)
    given |= {"detector": options.detector, "network": options.network}
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "given.json"
        file.write_text(json.dumps(given))
        folders = {folder.name: folder for folder in options.folders}
        if options.phone:
            folders["12 megapixels"] = phone_photos(options.phone, Path(made))
        pythons = {"knownface": sys.executable, **dict(each.split("=", 1) for each in options.peer)}
        running = {name: started(name, python, file) for name, python in pythons.items()}
        starts = {name: answer(process) for name, process in running.items()}
        print(HEAD)
        for folder, place in folders.items():
            paths = sorted(str(path) for path in place.iterdir() if path.suffix != ".json")
            able = {name: process for name, process in running.items() if "start" in starts[name]}
            rounds = [
                {name: asked(process, paths) for name, process in able.items()}
                for _ in range(options.rounds)
            ]
            for name in able:
                keys = rounds[0][name]
                middle = {
                    key: statistics.median(each[name][key] for each in rounds) for key in keys
                }
                numbers = " | ".join(f"{middle[key]:{kind}}" for key, kind in COLUMNS.items())
                print(f"| {folder} ({len(paths)}) | {name} | {numbers} "
                      f"| {starts[name]['start']:.2f} |", flush=True)  # fmt: skip
        for name, process in running.items():
            if "missing" in starts[name]:
                print(f"{name}: not measured ({starts[name]['missing']})")
            process.communicate()


def started(name: str, python: str, given: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, __file__, "--contend", name, str(given)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def asked(process: subprocess.Popen[str], paths: list[str]) -> dict[str, float]:
    """A round of one contender."""
    assert process.stdin
    process.stdin.write(json.dumps(paths) + "\n")
    process.stdin.flush()
    return answer(process)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of numbers; what libraries print besides is passed over."""
    assert process.stdout
    for line in process.stdout:
        if line.startswith("{"):
            return dict(json.loads(line))
    return {"missing": "it ended"}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contend"]:
        contend(sys.argv[2], json.loads(Path(sys.argv[3]).read_text()))
    else:
        main()
