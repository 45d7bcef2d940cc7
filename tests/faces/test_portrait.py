"""A kept portrait shows every network what its own crop of the photo would have shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knownface.embed.frozen import backbone_embedder
from knownface.faces.align import crop_face
from knownface.faces.crops import load_cropper
from knownface.faces.face import Crop
from knownface.faces.photo import open_photo, read_image
from knownface.faces.portrait import (
    PORTRAIT,
    crop_of_portrait,
    encode,
    frame_in_portrait,
    frame_of_crop,
)
from knownface.networks.zoo import BACKBONES, get_backbone

CROPS = sorted({record.crop for record in BACKBONES.values()}, key=str)


@pytest.fixture(scope="module")
def photo(people: Path) -> Path:
    return sorted((people / "Megan_Fox").iterdir())[2]


@pytest.mark.parametrize("crop", CROPS, ids=str)
def test_every_network_s_crop_lies_in_it(crop: Crop, photo: Path) -> None:
    picture = open_photo(photo).picture
    [face] = load_cropper(crop, "detect").crop_picture(picture)[0]
    portrait = encode(crop_face(picture, face, PORTRAIT))
    assert len(portrait) < 40_000
    again = crop_of_portrait(portrait, frame_in_portrait(face), crop).astype(int)
    wanted = crop_face(picture, face, crop).astype(int)
    assert np.abs(again - wanted).mean() < 6


def test_its_embedding_is_nearly_that_of_the_photo(photo: Path) -> None:
    crop = get_backbone("mini").crop
    picture = open_photo(photo).picture
    [face] = load_cropper(crop, "detect").crop_picture(picture)[0]
    portrait = encode(crop_face(picture, face, PORTRAIT))
    own = encode(crop_face(picture, face, crop))
    crops = [
        crop_face(picture, face, crop),
        crop_of_portrait(portrait, frame_in_portrait(face), crop),
        crop_of_portrait(own, frame_of_crop(crop), crop),
    ]
    photo_, wide, kept = backbone_embedder(get_backbone("mini")).embed(np.stack(crops))
    assert photo_ @ wide > 0.95
    assert photo_ @ kept > 0.98


def test_a_ready_crop_is_taken_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    frame = frame_of_crop(Crop("box", 80, 0.3))
    assert np.isnan(frame).all()
    again = crop_of_portrait(encode(pixels), frame, Crop("box", 80, 0.3))
    np.testing.assert_array_equal(again, read_image(encode(pixels)))
