"""A face's picture shows that face, wherever in the photo it is."""

from __future__ import annotations

import io
import re
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from knownface.faces.portrait import PORTRAIT, encode
from knownface.server.web.pictures import GREY, close_up, cut, inside

WIDTH, HEIGHT = 400, 300
FACE = (200, 30, 30)
OVER = [
    (-45.0, 100.0, 90.0, 110.0),
    (-150.0, 100.0, 180.0, 110.0),
    (370.0, 40.0, 80.0, 100.0),
    (200.0, -60.0, 80.0, 100.0),
    (-30.0, 250.0, 80.0, 100.0),
    (0.0, 120.0, 60.0, 90.0),
]


def painted(box: tuple[float, ...]) -> np.ndarray:
    """A dark blue photo in which a box is red."""
    photo = np.full((HEIGHT, WIDTH, 3), (10, 20, 90), np.uint8)
    x, y, w, h = (round(each) for each in box)
    photo[max(y, 0) : y + h, max(x, 0) : x + w] = FACE
    return photo


@pytest.mark.parametrize("box", [*OVER, (150.0, 100.0, 80.0, 100.0)])
def test_a_face_is_whole_and_in_the_middle_third_of_its_picture(box: Any) -> None:
    photo = painted(box)
    square = cut(photo, box)
    red = (square == FACE).all(2)
    assert square.shape[0] == square.shape[1]
    assert red.sum() == (photo == FACE).all(2).sum()
    for seen in (red.any(0), red.any(1)):
        there = np.flatnonzero(seen)
        assert 1 / 3 - 0.02 < (there[0] + there[-1] + 1) / 2 / len(seen) < 2 / 3 + 0.02


def test_beside_the_photo_is_grey_and_only_where_it_must_be() -> None:
    sliver = cut(painted(OVER[1]), OVER[1])
    assert (sliver[:, 0] == GREY).all()
    assert not (cut(painted(OVER[0]), OVER[0]) == GREY).all(2).all(0)[30:].any()
    assert not (cut(painted(OVER[-1]), OVER[-1]) == GREY).any()


def test_a_face_larger_than_the_photo_is_the_photo() -> None:
    box = (-50.0, -50.0, 600.0, 600.0)
    assert cut(painted(box), box).shape == (HEIGHT, HEIGHT, 3)
    assert inside(box, WIDTH, HEIGHT) == (0, 0, WIDTH, HEIGHT)
    assert inside((-90.0, 400.0, 20.0, 20.0), WIDTH, HEIGHT) == (0, HEIGHT - 1, 1, 1)


def test_a_kept_portrait_of_a_face_at_the_edge_keeps_the_face_in_the_middle() -> None:
    size = PORTRAIT.size
    kept = np.zeros((size, size, 3), np.uint8)  # black up to the photo, which begins in the face
    kept[:, 120:] = (10, 20, 90)
    kept[64:192, 120:192] = FACE
    shown = np.asarray(Image.open(io.BytesIO(close_up(encode(kept)))))
    red = np.flatnonzero((shown[..., 0] > 150).any(0))
    assert 1 / 3 - 0.05 < (red[0] + red[-1]) / 2 / shown.shape[1] < 2 / 3


def test_the_box_drawn_of_a_face_that_is_cut_off_ends_with_the_photo(served: Any) -> None:
    path = next(iter(served.photos.values()))[0]
    x, _, w, _ = served.service.recognizer.recognize(path).faces[0].box
    photo = Image.open(path).convert("RGB")
    data = io.BytesIO()
    photo.crop((round(x + w / 4), 0, *photo.size)).save(data, "JPEG", quality=95)
    (face,) = served.service.recognizer.recognize(Image.open(data)).faces
    if face.box[0] >= 0:
        pytest.skip("boxes of this detector end with the photo")
    sent = {"photo": ("cut.jpg", data.getvalue(), "image/jpeg")}
    page = httpx2.post(served.address, files=sent).text
    (begin,) = re.findall(r'<g class="\w+" [^>]*>\s*<rect x="([^"]*)"', page)
    assert float(begin) == 0
