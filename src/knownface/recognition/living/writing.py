"""A new `gallery.sqlite` from arrays, as training makes one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from knownface.recognition.gallery import Gallery
from knownface.recognition.living import schema
from knownface.recognition.living.changes import insert
from knownface.recognition.living.reading import blob
from knownface.stats.vectors import sums_of

MEAN = 1e-3  # how far a template may be from the mean of its faces and still be that, in cosine


@dataclass(frozen=True)
class Kept:
    """What a gallery keeps of n faces besides their embeddings.

    boxes: (n, 6) x, y, width and height, then the photo's width and height. quality: (n,) 0 to 1.
    portraits: n JPEGs; frame: (14,) where the face lies in each, see `portrait.py`.
    tested: (n,) whether training kept it aside; strangers: (m, d) kept aside likewise. trained:
    whether the network has seen these people.
    """

    boxes: np.ndarray
    quality: np.ndarray
    portraits: Iterable[bytes] = field(repr=False)
    frame: np.ndarray
    tested: np.ndarray
    strangers: np.ndarray
    trained: bool


def write_gallery(path: Path, gallery: Gallery, kept: Kept | None = None) -> str:
    """Write a new file, and give its id; raises OSError where it cannot be written."""
    schema.create(path)
    id = uuid4().hex
    with schema.changing(path) as database:
        facts = {"id": id, "contract": gallery.contract, "width": gallery.templates.shape[1]}
        for key, value in facts.items():
            insert(database, "meta", {"key": key, "value": value})
        moment = time.time()
        _write_people(database, gallery, moment, bool(kept and kept.trained))
        details = _details(kept) if kept else ({} for _ in gallery.photos)
        small = [None] * len(gallery.photos) if gallery.small is None else gallery.small
        rows = zip(gallery.labels, gallery.embeddings, small, gallery.photos, gallery.digests,
                   gallery.taken, details, strict=True)  # fmt: skip
        for label, embedding, view, photo, digest, taken, more in rows:
            values = {
                "person": int(label) + 1, "embedding": blob(embedding), "source": photo,
                "digest": digest, "added": moment, "taken": taken,
                "small": None if view is None else blob(view), **more,
            }  # fmt: skip
            insert(database, "faces", values)
        if kept:
            write_strangers(database, [blob(each) for each in kept.strangers])
    return id


def write_strangers(database: sqlite3.Connection, rows: list[bytes]) -> None:
    """In place of those that were there."""
    database.execute("DELETE FROM strangers")
    database.executemany("INSERT INTO strangers (embedding) VALUES (?)", [(row,) for row in rows])


def _write_people(
    database: sqlite3.Connection, gallery: Gallery, moment: float, trained: bool
) -> None:
    anchors = _anchors(gallery)
    for row, name in enumerate(gallery.people):
        insert(database, "people", {
            "id": row + 1, "name": name, "state": "known", "added": moment, "anchor": anchors[row],
            "trained": trained,
        })  # fmt: skip
        database.execute(
            "INSERT INTO templates VALUES (?, ?)", (row + 1, blob(gallery.templates[row]))
        )


def _anchors(gallery: Gallery) -> list[bytes | None]:
    """What is added to the sums of faces to give the templates; None for plain means."""
    sums = sums_of(gallery.embeddings, gallery.labels, len(gallery.people))
    lengths = np.linalg.norm(sums, axis=1)
    cosines = (gallery.templates * sums).sum(1) / np.maximum(lengths, 1e-12)
    anchors = gallery.templates * lengths[:, None] - sums
    return [
        None if cosine > 1 - MEAN**2 else anchor.astype("<f8").tobytes()
        for cosine, anchor in zip(cosines, anchors, strict=True)
    ]


def _details(kept: Kept) -> Iterable[dict[str, Any]]:
    """The other columns of each face."""
    rows = zip(kept.boxes, kept.quality, kept.tested, kept.portraits, strict=True)
    for (x, y, width, height, across, down), quality, tested, portrait in rows:
        yield {
            "x": float(x), "y": float(y), "width": float(width), "height": float(height),
            "size": f"{across:.0f}x{down:.0f}", "quality": float(quality), "tested": int(tested),
            "portrait": portrait, "frame": blob(kept.frame),
        }  # fmt: skip
