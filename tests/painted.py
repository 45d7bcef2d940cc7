"""Videos of coloured squares, a detector that finds them, and a recogniser that knows them.

So that videos are tested through the whole path in seconds, without a photo of anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

from knownface.embed.embedder import Embedder
from knownface.faces.crops import FaceCropper
from knownface.faces.face import Crop, Face
from knownface.faces.picture import Picture
from knownface.files.onnx_nodes import Graph
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import Threshold

SIZE, RATE = (320, 240), 25
PEOPLE = {"Blue": (30, 40, 220), "Green": (30, 200, 40), "Red": (220, 40, 30)}
STRANGER = (210, 60, 210)
CROP = Crop("box", 16)
Square = tuple[tuple[int, int, int], float, float, float]  # colour, centre x and y, side
At = Callable[[float], Sequence[Square]]


class Colours:
    """Finds what is no grey."""

    name, file = "colours", None

    def find_faces(self, picture: Picture) -> list[Face]:
        image = picture.whole()
        strong = (image.max(2).astype(int) - image.min(2) > 90).astype(np.uint8)
        count, _, boxes, _ = cv2.connectedComponentsWithStats(strong)
        found = []
        for x, y, wide, high, area in boxes[1:count].tolist():
            if area >= 60:
                marks = np.array(
                    [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.3, 0.8], [0.7, 0.8]], np.float32
                )
                box = (float(x), float(y), float(wide), float(high))
                found.append(Face(box, marks * [wide, high] + [x, y], 0.9))
        return sorted(found, key=lambda face: -face.area)


def recognizer(folder: Path) -> Recognizer:
    """Knows people by their colours."""
    folder.mkdir(exist_ok=True)
    graph = Graph()
    mixed = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0][:3]
    pixels = graph.add(
        "Transpose", graph.add("Cast", "crops", to=TensorProto.FLOAT), perm=[0, 3, 1, 2]
    )
    mean = graph.add("Flatten", graph.add("GlobalAveragePool", pixels))
    out = graph.add("Gemm", graph.add("Sub", mean, np.full((1, 3), 110.0)), mixed)
    graph.nodes[-1].output[0] = "embeddings"
    given = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 16, 16, 3])
    made = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 16])
    assert out
    onnx.save(graph.model("colours", given, made), str(folder / "embedder.onnx"))
    embedder = Embedder(folder / "embedder.onnx")
    crops = np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in PEOPLE.values()])
    names = list(PEOPLE)
    gallery = Gallery.enroll(
        names, embedder.embed(crops), np.arange(3), names, names,
        contract=embedder.contract(CROP),
    )  # fmt: skip
    threshold = Threshold(0.8, 0.01, "colours")
    return Recognizer(embedder, gallery, CROP, threshold, _cropper=FaceCropper(CROP, Colours()))


def paint(squares: Sequence[Square], size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey picture with squares, the last in front."""
    picture = np.full((size[1], size[0], 3), 110, np.uint8)
    for colour, x, y, side in squares:
        corners = [round(v) for v in (x - side / 2, y - side / 2, x + side / 2, y + side / 2)]
        cv2.rectangle(picture, corners[:2], corners[2:], colour, -1)
    return picture


def film(path: Path, seconds: float, at: At, sound: str = "", size: tuple[int, int] = SIZE) -> Path:
    """A video of what is to be seen at each time; sound: the codec of a tone."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        tone: Any = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for i in range(round(seconds * RATE)):
            picture = paint(at(i / RATE), size)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
        for start in range(0, round(48000 * seconds) if sound else 0, 1024):
            wave = (8000 * np.sin(np.arange(start, start + 1024) / 20)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            out.mux(tone.encode(frame))
        if sound:
            out.mux(tone.encode())
    return path
