"""What races in recipe `best`, on a real network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import comparison_of

from knownface.dataset.portraits import Faces
from knownface.embed.embedder import Embedder
from knownface.embed.views import small_views
from knownface.files.rows import DiskRows
from knownface.networks.layers import beside
from knownface.networks.load import build_backbone, locate_weights
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import get_backbone
from knownface.progress import silent
from knownface.recognition.comparison import Comparison, Matcher
from knownface.stats.vectors import mean_templates, unit_length
from knownface.training import candidates
from knownface.training import finetune as finetuning
from knownface.training.candidates import Lesson, TrainingContext
from knownface.training.finetune import Trained
from knownface.training.history import History

pytestmark = pytest.mark.backends


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> TrainingContext:
    model = build_backbone(get_backbone("mini"), locate_weights(get_backbone("mini")))
    folder = tmp_path_factory.mktemp("context")
    export_onnx(model, folder / "frozen.onnx")
    embedder = Embedder(folder / "frozen.onnx")
    history = History(folder, "context", tensorboard=False, mlflow=False, options={})
    return TrainingContext(model, embedder, folder, "cpu", "float32", 0, 1, history, silent)


@pytest.fixture(scope="module")
def faces(context: TrainingContext) -> tuple[Faces, np.ndarray]:
    """Three people with six crops each, of one colour and noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 6)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])[labels]
    crops = DiskRows((112, 112, 3))
    crops.append(colours[:, None, None] + rng.integers(-50, 50, (18, 112, 112, 3)))
    return Faces(crops, context.frozen.embed(crops)), labels


def export_of(model: Any, path: Path, comparison: Comparison) -> Embedder:
    export_onnx(model, path)
    return Embedder(path, second=comparison.second)


def lesson(faces: Faces, labels: np.ndarray) -> Lesson:
    return Lesson(faces, labels, np.arange(len(labels)), "race")


@pytest.mark.parametrize("name", ["top", "whole"])
def test_a_tuned_network_lies_between_frozen_and_trained(
    name: str, context: TrainingContext, faces: tuple[Faces, np.ndarray]
) -> None:
    known, labels = faces
    before = context.model.get_weights()
    found = getattr(candidates, name)(context, lesson(known, labels))
    assert found.name == name
    for now, earlier in zip(context.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, earlier)  # a candidate leaves the model as it was
    assert found.tuned is not None
    weights = found.tuned.weights
    changed = [
        not np.allclose(a, b, rtol=1e-5, atol=0) for a, b in zip(weights, before, strict=True)
    ]
    assert changed[-1]
    assert changed[0] == (name == "whole")  # below the last stage nothing is touched
    context.model.set_weights(weights)
    raw = context.model.predict(np.asarray(known.crops), verbose=0)
    context.model.set_weights(before)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.sum(unit * found.embed(known), axis=1).min() > 0.98
    np.testing.assert_allclose(np.linalg.norm(found.columns, axis=1), 1, atol=1e-5)


def test_training_begins_with_what_was_taught_small_faces(
    context: TrainingContext,
    faces: tuple[Faces, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And stands beside the frozen network in the place of that one."""
    own, crops = context.model.get_weights(), faces[0].crops
    taught = [weight + 1e-3 for weight in own]
    compared = comparison_of(128).beside_taught()
    two = export_of(beside(context.model, taught), tmp_path / "two.onnx", compared)
    embeddings = two.embed(crops, mirrored=True)
    known = Faces(crops, embeddings, small_views(two, crops, embeddings))
    begins = replace(
        context, frozen=two, comparison=compared, taught=taught, kept=candidates.Kept(),
        folder=tmp_path,
    )  # fmt: skip
    of_all = Embedder(two.path).embed(crops, mirrored=True)
    begun: list[list[np.ndarray]] = []
    starts: list[np.ndarray] = []

    def unchanged(model: Any, *_: object, start: np.ndarray, **__: object) -> Trained:
        begun.append(context.model.get_weights())
        starts.append(start)
        return Trained(start, 1)

    monkeypatch.setattr(finetuning, "finetune", unchanged)
    for method in (candidates.whole, candidates.top):
        found = method(begins, lesson(known, faces[1]))
        assert found.tuned is not None
        for values in (begun[-1], found.tuned.weights):
            for now, wanted in zip(values, taught, strict=True):
                np.testing.assert_allclose(now, wanted, atol=1e-6)
        halves = mean_templates(embeddings[:, 128:], faces[1], 3)
        np.testing.assert_allclose(starts[-1], halves, atol=1e-5)
        for now, before in zip(context.model.get_weights(), own, strict=True):
            np.testing.assert_array_equal(now, before)
        both = found.embed(known)
        assert np.sum(both * of_all, axis=1).min() > 0.999
        assert found.comparison is not None
        assert found.comparison.second is not None
        assert found.comparison.second(embeddings).all()  # it has learned these clear faces, too
        small = found.small(known, both)
        assert small is not None
        np.testing.assert_allclose(small[:, 128:], unit_length(both[:, 128:]) / 2**0.5, atol=1e-5)


def test_a_network_stands_beside_the_frozen_one_where_that_is_known(
    context: TrainingContext, faces: tuple[Faces, np.ndarray], tmp_path: Path
) -> None:
    crops, labels = faces[0].crops, faces[1]
    embeddings = context.frozen.embed(crops, mirrored=True)
    known = Faces(crops, embeddings, small_views(context.frozen, crops, embeddings))
    compared = replace(context, comparison=comparison_of(embeddings.shape[1]), folder=tmp_path)
    found = candidates.whole(compared, lesson(known, labels))
    assert (found.name, found.kinds) == ("whole beside frozen", ("normalised",))
    both = found.embed(known)
    np.testing.assert_allclose(both[:, :128] * np.sqrt(2), embeddings, atol=1e-5)
    before = context.model.get_weights()
    export_onnx(found.network(context.model), tmp_path / "both.onnx")
    for now, earlier in zip(context.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, earlier)
    shipped = Embedder(tmp_path / "both.onnx")
    again = shipped.embed(crops, mirrored=True)
    assert np.sum(again * both, axis=1).min() > 0.999
    matcher = found.matcher("normalised", both, known, labels)
    views = small_views(shipped, crops, again)
    enrolled = Matcher.fit("normalised", again, labels, None, views, found.comparison)
    np.testing.assert_allclose(matcher.scores(both), enrolled.scores(again), atol=0.02)
    assert (enrolled.scores(again).argmax(1) == labels).all()
    assert matcher.templates.comparison is found.comparison


def test_the_last_stage_learns_from_what_lies_below_it(
    context: TrainingContext, faces: tuple[Faces, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(candidates, "_tuned", lambda *arguments: seen.extend(arguments))
    candidates.top(context, lesson(*faces))
    _, upper, examples = seen[:3]
    assert len(examples.inputs) == len(examples.labels) == 8 * 18
    np.testing.assert_array_equal(examples.labels[-18:], faces[1])
    raw = upper.predict(np.asarray(examples.inputs[:18], np.float32), verbose=0)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.sum(unit * faces[0].embeddings, axis=1).min() > 0.98


def test_a_head_is_trained_on_embeddings_alone(
    context: TrainingContext, faces: tuple[Faces, np.ndarray]
) -> None:
    known, labels = faces
    found = candidates.head(context, lesson(known, labels))
    assert found.columns is not None
    scores = known.embeddings @ found.columns.T
    assert (scores.argmax(1) == labels).all()
    assert found.tuned is None


def test_views_are_the_same_whatever_is_changed_at_once(
    faces: tuple[Faces, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = faces[0].crops
    whole = np.concatenate(list(candidates.changed(crops, 3, 4, silent, "")))
    assert len(whole) == 54
    np.testing.assert_array_equal(whole[:18], np.asarray(crops))
    assert not np.array_equal(whole[18:36], whole[36:])
    monkeypatch.setattr(candidates, "TOGETHER", 5)
    again = np.concatenate(list(candidates.changed(crops, 3, 4, silent, "")))
    np.testing.assert_array_equal(again, whole)
