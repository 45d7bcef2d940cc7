"""What a gallery keeps of the photos that it was trained on."""

from __future__ import annotations

import numpy as np

from knownface.faces.face import Crop, Face
from knownface.faces.portrait import encode, frame_of_crop
from knownface.faces.quality import measure_quality, score
from knownface.recognition.living.writing import Kept
from knownface.training.photos import TrainingPhotos


def keep(photos: TrainingPhotos, crop: Crop, trained: bool) -> Kept:
    """Of all enrolled faces, in the order of the complete gallery: the training part first.

    trained: whether the network was fitted to these people.
    """
    rows = np.concatenate([photos.rows, np.setdiff1d(photos.enrolled, photos.rows)])
    faces = photos.everyone.select(rows)
    strangers = photos.strangers
    return Kept(
        faces.boxes,
        np.array([_quality(faces.crops[i], faces.boxes[i], crop) for i in range(len(faces))]),
        (encode(np.asarray(faces.crops[i])) for i in range(len(faces))),
        frame_of_crop(crop),
        np.isin(rows, photos.held_out),
        strangers.embeddings[photos.untouched] if strangers else faces.embeddings[:0],
        trained,
    )


def _quality(pixels: np.ndarray, box: np.ndarray, crop: Crop) -> float:
    """From 0 to 1; the landmarks are not known any more, so that the box says how large it was."""
    x, y, width, height = (float(each) for each in box[:4])
    face = Face((x, y, width, height), np.full((5, 2), np.nan, np.float32), 1.0)
    return score(measure_quality(np.asarray(pixels), face, crop))
