"""Why a recogniser answers as it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from support import as_tested, gallery_of

from knownface.dataset.folder import scan
from knownface.measure.evaluate import read_and_evaluate
from knownface.measure.explanation import explain, occlusion_map, plane
from knownface.pages.report import write_report


class LooksAtOneCorner:
    """An embedder whose first number is how bright the upper left quarter is."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        half = crops.shape[1] // 2
        corner = crops[:, :half, :half].mean((1, 2, 3)) / 255
        return np.stack([corner, np.zeros_like(corner)], 1)


def test_heat_lies_where_the_decision_is_made() -> None:
    crop = np.full((30, 30, 3), 255, np.uint8)
    heat = occlusion_map(LooksAtOneCorner(), crop, np.array([1.0, 0.0]))  # type: ignore[arg-type]
    assert heat.shape == (8, 8)
    assert heat[:4, :4].min() > 0
    assert np.abs(heat[5:, 5:]).max() < 1e-9


def test_answers_are_those_of_the_evaluation(run_folder: Path, people: Path) -> None:
    recognizer = as_tested(run_folder)
    gallery = recognizer.gallery
    swapped = np.roll(np.arange(len(gallery.people)), 1)
    recognizer.gallery = replace(gallery, templates=gallery.templates[swapped])  # nearly all wrong
    evaluation, portraits, _ = read_and_evaluate(recognizer, scan(people))
    found = explain(recognizer, portraits)
    wrong = [answer for answer in found.answers if answer.true != answer.predicted]
    assert len(found.answers) == evaluation.tested
    assert {answer.photo for answer in wrong} == {error.photo for error in evaluation.errors}
    assert found.answers[: len(wrong)] == wrong  # they come first, the worst on top
    assert wrong[0].margin >= wrong[-1].margin > 0
    assert all((answer.heat is not None) == (answer in wrong) for answer in found.answers)
    assert set(found.enrolled) == set(gallery.photos)
    assert {point.kind for point in found.points} == {"training", "test"}


def test_strangers_who_are_named_are_explained(
    run_folder: Path, people: Path, strangers: Path, tmp_path: Path
) -> None:
    recognizer = as_tested(run_folder)
    evaluation, portraits, others = read_and_evaluate(
        recognizer, scan(people), scan(strangers, True)
    )
    assert others is not None
    scores = recognizer.gallery.match(others.embeddings)[1]
    recognizer.threshold = replace(recognizer.threshold, value=float(np.sort(scores)[-3]))
    found = explain(recognizer, portraits, others)
    assert [each.similarity for each in found.accepted] == sorted(scores, reverse=True)[:3]
    worst = found.accepted[0]
    assert worst.photo == others.photos[scores.argmax()]
    assert {Path(photo).parent.name for photo in worst.nearest} == {worst.predicted}
    assert set(worst.nearest) <= set(found.enrolled)
    write_report(tmp_path, evaluation, found)
    page = (tmp_path / "report.html").read_text()
    for each in found.accepted:
        assert f"<h3>A stranger, taken for {each.predicted}</h3><p>{each.photo} " in page
    recognizer.threshold = replace(recognizer.threshold, value=1.0)
    assert explain(recognizer, portraits, others).accepted == []
    # Whoever is not enrolled is a stranger, wherever the photo lies.
    recognizer.threshold = replace(recognizer.threshold, value=-1.0)
    assert len(explain(recognizer, others.select(np.arange(2))).accepted) == 2


def test_alike_faces_lie_together() -> None:
    gallery = gallery_of(5, 20)
    places = plane(gallery.embeddings)
    assert places.shape == (100, 2)
    assert places.min() == 0
    assert places.max() == 1
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(100)
    assert (gallery.labels[distances.argmin(1)] == gallery.labels).mean() > 0.95
    assert np.isfinite(plane(gallery.embeddings[:5])).all()
