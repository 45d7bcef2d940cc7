"""When a track gets a name, keeps it and loses it: embeddings that are made up."""

from __future__ import annotations

import numpy as np
import pytest
from painted import recognizer

from knownface.faces.face import Face
from knownface.recognition.identity import Identities, frontal, trust
from knownface.recognition.recognizer import Recognizer
from knownface.stats.vectors import unit_length

FRONT = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return recognizer(tmp_path_factory.mktemp("colours"))


def face(x: float = 0.0, side: float = 100.0, score: float = 0.9) -> Face:
    return Face((x, 0.0, side, side), FRONT, score)


def like(known: Recognizer, person: int, cosine: float) -> np.ndarray:
    """An embedding (d,) with that cosine to a person, and the rest like nobody."""
    template = known.gallery.templates[person]
    other = np.linalg.svd(known.gallery.templates)[2][-1]
    return np.asarray(cosine * template + np.sqrt(1 - cosine**2) * other, np.float32)


def names(known: Recognizer, cosines: list[float]) -> list[str | None]:
    """Of one face over time, that looks so much like the first person."""
    asked = Identities(known)
    return [
        asked.answers(0.2 * i, [face()], like(known, 0, cosine)[None])[0].name
        for i, cosine in enumerate(cosines)
    ]


def test_a_name_needs_two_pictures_and_the_threshold(known: Recognizer) -> None:
    assert names(known, [0.95, 0.95, 0.95]) == [None, "Blue", "Blue"]
    assert names(known, [0.75] * 4) == [None] * 4  # 0.8 is needed


def test_a_name_does_not_flicker_at_the_threshold(known: Recognizer) -> None:
    shown = names(known, [0.85, 0.85, 0.5, 0.85, 0.5, 0.85, 0.5])
    assert shown == [None] + ["Blue"] * 6


def test_a_name_that_turns_out_wrong_is_taken_back(known: Recognizer) -> None:
    shown = names(known, [0.82, 0.82] + [0.3] * 12)
    assert shown[1] == "Blue"
    assert shown[-1] is None


def test_the_mean_of_many_is_surer_than_each(known: Recognizer) -> None:
    """Noise that differs from picture to picture goes; a single one would not be named."""
    rng, asked = np.random.default_rng(0), Identities(known)
    template = known.gallery.templates[0]
    for i in range(12):
        noise = rng.normal(size=16) * 0.22
        looks = unit_length((template + noise)[None]).astype(np.float32)
        answer = asked.answers(0.2 * i, [face()], looks)[0]
    assert answer.name == "Blue"
    assert answer.similarity > 0.9


def test_of_two_who_could_be_one_person_the_first_keeps_the_name(known: Recognizer) -> None:
    asked = Identities(known)
    for i in range(6):
        looks = np.stack([like(known, 0, 0.85), like(known, 0, 0.9 if i > 2 else 0.7)])
        answers = asked.answers(0.2 * i, [face(0), face(500)], looks)
    assert [answer.name for answer in answers] == ["Blue", None]


def test_small_turned_and_doubtful_pictures_count_less() -> None:
    turned = FRONT.copy()
    turned[2, 0] = 72
    assert frontal(face()) == 1
    assert frontal(Face((0, 0, 100, 100), turned, 0.9)) < 0.3
    unknown = Face((0, 0, 112, 112), np.full((5, 2), np.nan, np.float32), 1.0)
    assert trust(unknown) == 1
    assert trust(face(side=25)) < trust(face(side=100)) / 3
    assert trust(face(score=0.6)) < trust(face(score=0.9))
