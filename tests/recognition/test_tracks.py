"""Which face is which: paths of boxes, with looks that are made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support import embeddings

from knownface.faces.face import Face
from knownface.recognition.motion import Motion, overlaps
from knownface.recognition.tracks import PATIENCE, Tracker

STEP = 0.2
LOOKS = embeddings(np.random.default_rng(1), np.zeros((6, 128)), 1.0)
Seen = tuple[int, float, float, float]  # whose looks, centre x and y, detector's score


def face(x: float, y: float, high: float = 50.0, score: float = 0.9) -> Face:
    return Face((x - 20, y - high / 2, 40.0, high), np.zeros((5, 2), np.float32), score)


def numbers(
    pictures: list[list[Seen]], noise: float = 0.03, step: float = STEP
) -> list[list[int | None]]:
    """The track of each face, picture by picture."""
    rng, tracker, found = np.random.default_rng(0), Tracker(0.4), []
    for i, picture in enumerate(pictures):
        looks = embeddings(rng, LOOKS[[who for who, *_ in picture]], noise)
        faces = [face(x, y, score=score) for _, x, y, score in picture]
        tracks = tracker.update(i * step, faces, looks, np.ones(len(faces)))
        found.append([track.number if track else None for track in tracks])
    return found


def like(cosine: float) -> np.ndarray:
    """Looks that are so similar to the first ones."""
    other = LOOKS[1] - (LOOKS[1] @ LOOKS[0]) * LOOKS[0]
    return np.asarray(cosine * LOOKS[0] + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other))


def going(who: int, x: float, speed: float, score: float = 0.9) -> Callable[[int], Seen]:
    return lambda i: (who, x + speed * i, 100.0, score)


def test_who_goes_on_keeps_the_number() -> None:
    one, other = going(0, 100, 12), going(1, 500, -3)
    assert numbers([[one(i), other(i)] for i in range(20)]) == [[1, 2]] * 20


def test_two_who_cross_keep_theirs() -> None:
    one, other = going(0, 100, 15), going(1, 400, -15)
    assert numbers([[one(i), other(i)] for i in range(20)]) == [[1, 2]] * 20


def test_two_who_cross_and_look_alike_go_on_as_they_went() -> None:
    """Nothing tells them apart but their ways, one above the other."""
    pictures: list[list[Seen]] = [
        [(0, 100.0 + 15 * i, 100.0, 0.9), (0, 400.0 - 15 * i, 118.0, 0.9)] for i in range(20)
    ]
    assert numbers(pictures, noise=0.0) == [[1, 2]] * 20


def test_behind_somebody_for_a_moment() -> None:
    walker, still = going(0, 100, 15), going(1, 250, 0)
    hidden = {8, 9, 10, 11}
    pictures = [[walker(i)] + ([] if i in hidden else [still(i)]) for i in range(20)]
    assert {n for found in numbers(pictures) for n in found} == {1, 2}
    pictures = [[still(i)] + ([] if i in hidden else [walker(i)]) for i in range(20)]
    assert {n for found in numbers(pictures) for n in found} == {1, 2}


def test_who_left_and_comes_back_soon_is_the_same_and_later_is_not() -> None:
    walker = going(0, 100, 10)
    soon = round(PATIENCE / STEP) - 2
    pictures = [[walker(i)] for i in range(5)]
    back: list[list[Seen]] = [[(0, 600.0, 300.0, 0.9)]]
    assert numbers(pictures + [[]] * soon + back)[-1] == [1]
    assert numbers(pictures + [[]] * (soon + 4) + back)[-1] == [2]


def test_another_face_in_the_same_place_is_another_track() -> None:
    """A cut to another scene."""
    pictures = [[going(0, 100, 0)(i)] for i in range(5)] + [[going(1, 100, 0)(i)] for i in range(5)]
    assert numbers(pictures) == [[1]] * 5 + [[2]] * 5


def test_who_slips_into_a_place_unnoticed_is_found_out() -> None:
    """A little like the one before, which may be a bad picture; three in a row are not."""
    tracker, other = Tracker(0.4), like(0.16)
    found = []
    for i in range(12):
        looks = LOOKS[0] if i < 6 or i == 7 else other
        [track] = tracker.update(i * STEP, [face(100, 100)], looks[None], np.ones(1))
        assert track
        found.append(track.number)
    assert found == [1] * 10 + [2] * 2
    assert [float(track.sum @ LOOKS[0]) < 1 for track in tracker.tracks] == [True]


def test_after_a_gap_a_place_alone_is_not_enough() -> None:
    tracker, other = Tracker(0.4), like(0.2)
    found = []
    for i in [*range(6), 8, 9]:
        looks = LOOKS[0] if i < 6 else other
        [track] = tracker.update(i * STEP, [face(100, 100)], looks[None], np.ones(1))
        found.append(track and track.number)
        if i == 5:
            tracker.update(6 * STEP, [], looks[:0].reshape(0, 128), np.ones(0))
            tracker.update(7 * STEP, [], looks[:0].reshape(0, 128), np.ones(0))
    assert found == [1] * 6 + [2] * 2


def test_a_weak_face_goes_on_where_one_was_expected_and_begins_nothing() -> None:
    strong, weak = going(0, 100, 10), going(3, 100, 10, score=0.62)
    assert numbers([[strong(i) if i < 5 else weak(i)] for i in range(10)]) == [[1]] * 10
    assert numbers([[weak(i)] for i in range(5)]) == [[None]] * 5


def test_once_a_second_is_enough_for_who_looks_the_same() -> None:
    assert numbers([[going(0, 100, 60)(i)] for i in range(8)], step=1.0) == [[1]] * 8


def test_tracks_are_forgotten() -> None:
    tracker = Tracker(0.4)
    for i in range(300):
        looks = embeddings(np.random.default_rng(i), np.zeros((1, 128)), 1.0)
        tracker.update(i * 1.0, [face(100 + 50 * i % 800, 100)], looks, np.ones(1))
    assert len(tracker.tracks) <= PATIENCE + 1


@pytest.mark.parametrize("step", [0.04, 0.2, 1.0])
def test_motion_follows_a_straight_way(step: float) -> None:
    box = (0.0, 0.0, 40.0, 50.0)
    motion = Motion(box)
    for i in range(1, 30):
        motion.predict(step)
        motion.correct((20 * i * step, 0.0, 40.0, 50.0))
    assert motion.after(step)[0] == pytest.approx(20 * 30 * step, abs=1.0)
    assert motion.box[2:] == pytest.approx((40, 50))
    motion.predict(1.0)
    assert motion.spread[0, 0, 0] > 50


def test_overlap_of_boxes() -> None:
    boxes = [(0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 10.0, 10.0), (50.0, 50.0, 1.0, 1.0)]
    assert overlaps(boxes, boxes)[0] == pytest.approx([1, 1 / 3, 0])
    assert overlaps([], boxes).shape == (0, 3)
