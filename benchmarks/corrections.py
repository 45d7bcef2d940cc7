"""How alike are a face and a copy of its photo, and two photos of one person, and of two people?

`python benchmarks/corrections.py RUN PEOPLE`: from which cosine a face is the very same one, which
is what `recognition/corrections.py` takes as SAME_FACE. Each photo is copied as messengers and
phones copy: half the size, JPEG of quality 60, a quarter of the size, and brightened.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from knownface.faces.photo import ImageError, read_image
from knownface.recognition.recognizer import Recognizer


def reduced(pixels: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def compressed(pixels: np.ndarray) -> np.ndarray:
    ok, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert ok
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "half the size": lambda p: reduced(p, 0.5),
    "JPEG, quality 60": compressed,
    "a quarter of the size": lambda p: reduced(p, 0.25),
    "brightened": lambda p: np.clip(p.astype(np.float32) * 1.25 + 10, 0, 255).astype(np.uint8),
}


def shares(what: str, cosines: np.ndarray) -> None:
    cells = "  ".join(f"{(cosines >= limit).mean():8.4f}" for limit in (0.7, 0.8, 0.85, 0.9, 0.95))
    print(f"{what:28} {len(cosines):8}  {cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("people", type=Path)
    arguments = parser.parse_args()
    recognizer = Recognizer.load(arguments.run)
    paths = sorted(arguments.people.glob("*/*.jpg"))
    kept, embeddings = [], []
    for path, seen in zip(paths, recognizer.see_photos(paths), strict=True):
        if len(seen.faces) == 1:
            kept.append(path)
            embeddings.append(seen.faces[0].embedding)
    rows, who = np.stack(embeddings), np.array([path.parent.name for path in kept])
    heads = "  ".join(f"    {limit}" for limit in ("0.70", "0.80", "0.85", "0.90", "0.95"))
    print(f"{'share with a cosine of':28} {'pairs':>8}  {heads}")
    for name, copy in COPIES.items():
        found = []
        for path, row in zip(kept[::3], rows[::3], strict=True):
            try:
                seen = recognizer.see(copy(read_image(path)))
            except ImageError:
                continue
            if len(seen.faces) == 1:
                found.append(float(seen.faces[0].embedding @ row))
        shares(name, np.array(found))
    cosines, same = rows @ rows.T, who[:, None] == who
    upper = np.triu(np.ones_like(same), 1)
    shares("another photo of the person", cosines[same & upper])
    shares("another person", cosines[~same & upper])


if __name__ == "__main__":
    main()
