"""Photos are seen as training sees them, without Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from knownface.diagnosis.pipeline import pipeline_as_trained
from knownface.embed.views import reduced
from knownface.recognition.recognizer import Recognizer


def test_faces_look_as_they_do_to_a_recogniser_that_was_trained(
    run_folder: Path, people: Path
) -> None:
    """Small ones too, of which two networks are asked: here from their files, there from Keras."""
    recognizer = Recognizer.load(run_folder)
    ours = pipeline_as_trained("mobilefacenet")
    assert ours.mirrored == recognizer.mirrored
    photos = sorted(people.glob("*/*.jpg"))[::7]
    crops = np.concatenate([each.photo.crops[:1] for each in ours.embed_photos(photos)])
    small = np.stack([reduced(crop, 14) for crop in crops])
    for some in (crops, small):
        found = ours.embedder.embed(some, mirrored=True)
        wanted = recognizer.embedder.embed(some, mirrored=True)
        assert (found * wanted).sum(1).min() > 0.999
    first, second = np.split(ours.embedder.embed(small), 2, axis=1)
    assert not (first == second).all(1).any()


def test_a_network_of_which_nothing_is_known_is_asked_alone() -> None:
    pipeline = pipeline_as_trained("mini", faces="cropped")
    assert not pipeline.mirrored
    assert not pipeline.embedder.two
