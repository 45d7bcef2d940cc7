"""What is known of a network goes into its runs, and through all that is done with them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import knownface
from knownface.dataset.folder import FaceDataset, scan
from knownface.deployment.export import export
from knownface.diagnosis.examine import examine
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.embed.views import reduced, small_views
from knownface.errors import KnownfaceError
from knownface.files.arrays import read_npz
from knownface.networks.zoo import get_backbone
from knownface.progress import Track, silent
from knownface.recognition.answers import DOUBT
from knownface.recognition.comparison import Comparison
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.recognizer import Recognizer
from knownface.stats.vectors import mean_templates, unit_length
from knownface.training import train as training
from knownface.training.race import Outcome
from knownface.training.train import train

FILE = "comparison.npz"


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(run_folder, tmp_path / "run")
    return tmp_path / "run"


def small_in(folder: Path, name: str | None = None) -> list[np.ndarray | None]:
    """What the file keeps of faces with fewer pixels: of everybody, or of somebody."""
    where = "" if name is None else f" WHERE p.name = '{name}'"
    query = f"SELECT f.small FROM faces f JOIN people p ON p.id = f.person{where}"
    with sqlite3.connect(folder / "recognizer" / "gallery.sqlite") as database:
        rows = database.execute(query).fetchall()
    return [None if row[0] is None else np.frombuffer(row[0], "<f4") for row in rows]


def mirrored(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether of each embedding from now on two views are asked for, of some faces at least."""
    calls, embed = [], Embedder.embed

    def noted(self: Embedder, *arguments: Any, **options: Any) -> np.ndarray:
        calls.append(bool(options.get("mirrored", False)))
        return embed(self, *arguments, **options)

    monkeypatch.setattr(Embedder, "embed", noted)
    return calls


# ---------------------------------------------------------------- a run
def test_a_run_of_the_official_file_carries_it(run_folder: Path, tmp_path: Path) -> None:
    official = get_backbone("mobilefacenet").comparison
    assert official is not None
    Comparison.read(official).beside_taught().write(tmp_path / FILE)
    file = run_folder / "recognizer" / FILE
    found, wanted = (read_npz(each, 1 << 24) for each in (file, tmp_path / FILE))
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])
    record = json.loads((run_folder / "recognizer" / "recognizer.json").read_text())
    assert record["files"][FILE] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert Recognizer.load(run_folder).mirrored
    small = small_in(run_folder)
    assert len(small) == 50
    assert all(each is not None and abs(np.linalg.norm(each) - 1) < 1e-4 for each in small)


def test_a_second_network_is_asked_of_small_faces_alone(run_folder: Path, people: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    photos = sorted(people.glob("*/*.jpg"))[::5]
    found = recognizer.pipeline().embed_photos(photos)
    crops = np.concatenate([each.photo.crops[:1] for each in found])
    small = np.stack([reduced(crop, 14) for crop in crops])
    halves = [np.split(recognizer.embedder.embed(some), 2, axis=1) for some in (crops, small)]
    equal = [(first == second).all(1) for first, second in halves]
    assert equal[0].all()
    assert not equal[1].any()
    enrolled = np.split(recognizer.gallery.embeddings, 2, axis=1)
    assert (enrolled[0] == enrolled[1]).all(1).mean() > 0.9
    first, second = halves[1]
    clear = halves[0][0]  # which the second one has learned to see in the small ones
    assert ((second - first) * clear).sum(1).mean() > 0.05


@pytest.mark.parametrize("how", ["flipped", "gone", "empty", "another"])
def test_a_damaged_one_is_one_sentence(how: str, run: Path) -> None:
    file = run / "recognizer" / FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes({"flipped": bytes(content), "empty": b"", "another": b"x" * 99}[how])
    with pytest.raises(KnownfaceError, match=r"comparison\.npz: not as it was saved") as caught:
        Recognizer.load(run)
    assert len(str(caught.value).splitlines()) == 1


def test_with_and_without_it_the_same_people_are_nearest(
    run_folder: Path, people: Path, strangers: Path
) -> None:
    recognizer = Recognizer.load(run_folder)
    known = recognizer.gallery
    plain = replace(recognizer, gallery=replace(known, comparison=None, small=None))
    assert not plain.mirrored
    photos = sorted(people.glob("*/*.jpg"))[::4]
    for each in (recognizer, plain):
        answers = [each.recognize(photo).faces[0] for photo in photos]
        assert [face.name for face in answers] == [photo.parent.name for photo in photos]
    faces = known.embeddings
    scores, cosines = known.scores(faces), plain.gallery.scores(faces)
    own = np.arange(len(faces)), known.labels
    assert (scores.argmax(1) == cosines.argmax(1)).all()
    # Equal rates of false accepts: what is said of strangers means the same on both scales.
    others = [recognizer.recognize(photo).faces[0] for photo in sorted(strangers.glob("*/*.jpg"))]
    assert np.mean([face.name is not None for face in others]) <= 0.1
    assert scores[own].min() > np.delete(scores, 0, 1).mean()


def test_photos_are_seen_mirrored_and_videos_are_not(
    run_folder: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer, photo = Recognizer.load(run_folder), sorted(people.glob("*/*.jpg"))[0]
    calls = mirrored(monkeypatch)
    one = recognizer.recognize(photo)
    (other,) = recognizer.recognize_photos([photo])
    third = recognizer.see(photo)
    assert calls == [True] * 3 + [False]  # what may be enrolled is seen mirrored, and named alone
    assert one.faces == other.faces == third.recognition.faces
    calls.clear()
    av = pytest.importorskip("av")
    from knownface.faces.photo import read_image

    picture = read_image(photo)
    picture = picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2]
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.height, stream.width = picture.shape[:2]
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    found = list(knownface.recognize(recognizer, tmp_path / "clip.mp4"))
    assert any(face.name == photo.parent.name for each in found for face in each.faces)
    assert calls
    assert not any(calls)


def test_the_mirror_image_is_seen_where_it_may_change_the_name(
    run_folder: Path, people: Path, strangers: Path
) -> None:
    recognizer = Recognizer.load(run_folder)
    photos = sorted([*people.glob("*/*.jpg"), *strangers.glob("*/*.jpg")])
    known = recognizer.gallery
    embedded = [each.embeddings for each in recognizer.pipeline().embed_photos(photos)]
    people_of, both = (
        np.concatenate(each) for each in zip(*map(known.match, embedded), strict=True)
    )
    for value in (recognizer.threshold.value, float(np.median(both))):
        near = replace(recognizer, threshold=replace(recognizer.threshold, value=value))
        named = [face for each in near.recognize_photos(photos) for face in each.faces]
        seen = [face for each in near.see_photos(photos) for face in each.recognition.faces]
        assert named == seen
        found = np.array([face.similarity for face in named])
        assert [face.name for face in named] == [
            known.people[person] if similarity >= value else None
            for person, similarity in zip(people_of, both, strict=True)
        ]
        clear = np.abs(found - value) > DOUBT
        assert (found == both)[~clear].all()
        assert (found != both)[clear].mean() > 0.9  # one view was enough
    assert (~clear).sum() > 3


def test_nothing_is_left_out_where_somebody_has_said_something(run: Path, people: Path) -> None:
    photo = sorted(people.glob("*/*.jpg"))[0]
    recognizer = Recognizer.load(run)
    assert recognizer.gallery.corrections is not None
    assert not recognizer.gallery.corrections.anything
    knownface.correct(run, photo, not_=photo.parent.name)
    again = Recognizer.load(run)
    (one,), (seen,) = again.recognize(photo).faces, again.see(photo).recognition.faces
    assert one == seen
    assert one.name != photo.parent.name


class Seen(KnownfaceError):
    """Ends a verb as soon as the photos of people were seen."""


@pytest.mark.parametrize("official", [True, False])
def test_check_sees_people_as_training_does(
    official: bool, shared: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = shared / "weights" / "MobileFaceNet.onnx"
    if not official:
        own = onnx.load(weights)
        own.doc_string = "my own"
        weights = tmp_path / "own.onnx"
        onnx.save(own, weights)
    seen, views = list[np.ndarray](), list[bool]()

    def noted(dataset: FaceDataset, pipeline: FacePipeline, track: Track) -> None:
        views.append(pipeline.mirrored)
        seen.append(examine(dataset, pipeline, track).portraits.embeddings)
        raise Seen

    monkeypatch.setattr("knownface.diagnosis.check.examine", noted)
    monkeypatch.setattr("knownface.training.photos.examine", noted)
    with pytest.raises(Seen):
        train(people, out=tmp_path / "run", backbone="mobilefacenet", weights=str(weights))
    with pytest.raises(Seen):
        knownface.check(people, backbone="mobilefacenet", weights=weights)
    assert views == [official] * 2
    np.testing.assert_allclose(*seen, atol=1e-4)
    _, plain = frozen_pipeline("mobilefacenet", weights)
    alone = examine(scan(people), plain, silent).portraits.embeddings  # as an index has them
    assert seen[0].shape[1] == alone.shape[1] * (1 + official)
    first = unit_length(seen[0][:, : alone.shape[1]])
    assert np.allclose(alone, first, atol=1e-2) is not official


# ---------------------------------------------------------------- who is known
def test_enrolling_looks_from_further_away_too(run: Path, strangers: Path) -> None:
    recognizer = Recognizer.load(run)
    photos = sorted((strangers / "Rihanna").iterdir())
    knownface.enroll(recognizer, "Rihanna", photos[:2])
    knownface.enroll(run, "Rihanna", photos[2])
    knownface.correct(run, photos[3], is_="Rihanna")
    found = small_in(run, "Rihanna")
    assert len(found) == 4
    expected, vectors = [], []
    for each in recognizer.pipeline().embed_photos(photos):
        embedder = recognizer.embedder
        expected.append(small_views(embedder, each.photo.crops[:1], each.embeddings[:1])[0])
        vectors.append(each.embeddings[0])
    for small, wanted in zip(found, expected, strict=True):
        assert small is not None
        assert small @ wanted > 0.98  # made of the portrait that is kept, not of the photo
    gallery = LivingGallery(run).read().gallery
    assert gallery.comparison is not None
    rows = gallery.labels == gallery.people.index("Rihanna")
    np.testing.assert_allclose(gallery.embeddings[rows], vectors, atol=1e-5)  # of two views, too


def test_a_backup_takes_it_along_and_forgetting_takes_it_away(
    run: Path, run_folder: Path, strangers: Path, tmp_path: Path
) -> None:
    knownface.enroll(run, "Rihanna", sorted((strangers / "Rihanna").iterdir())[:2])
    file = knownface.backup(run, tmp_path / "people.backup")
    (tmp_path / FILE).write_text("of something else, beside the backup by chance")
    other = tmp_path / "other"
    shutil.copytree(run_folder, other)
    assert knownface.restore(other, file) == 52
    kept = small_in(other, "Rihanna")
    for one, another in zip(kept, small_in(run, "Rihanna"), strict=True):
        assert one is not None
        np.testing.assert_array_equal(one, another)
    receipt = knownface.forget(other, "Rihanna")
    assert receipt.searched["found"] == 0
    content = (other / "recognizer" / "gallery.sqlite").read_bytes()
    for one in kept:
        assert one is not None
        assert one[3:9].tobytes() not in content
    assert Recognizer.load(other).mirrored


def test_taken_to_another_network_and_back(
    run: Path, run_folder: Path, people: Path, tmp_path: Path
) -> None:
    """Kept faces are seen anew as the network there needs it."""
    mini = train(people, recipe="frozen", backbone="mini", out=tmp_path / "mini").folder
    knownface.restore(mini, knownface.backup(run, tmp_path / "there"))
    assert set(map(type, small_in(mini))) == {type(None)}
    assert Recognizer.load(mini).gallery.small is None
    knownface.restore(run, knownface.backup(mini, tmp_path / "back"), replace=True)
    before, after = (Recognizer.load(each).gallery for each in (run_folder, run))
    assert after.small is not None
    assert before.small is not None
    faces = {digest: row for row, digest in enumerate(before.digests)}
    rows = [faces[digest] for digest in after.digests]
    assert (after.small * before.small[rows]).sum(1).min() > 0.9
    assert (after.embeddings * before.embeddings[rows]).sum(1).min() > 0.9


# ---------------------------------------------------------------- others
def test_an_export_carries_it_too(run_folder: Path, strangers: Path, tmp_path: Path) -> None:
    made = export(run_folder, format="onnx", precision="fp32", out=tmp_path / "export")
    exported, run = Recognizer.load(made.folder), Recognizer.load(run_folder)
    assert exported.mirrored
    assert exported.threshold.value == pytest.approx(run.threshold.value, abs=0.01)
    assert made.evaluation.accuracy is not None
    assert made.evaluation.accuracy >= 0.9
    knownface.enroll(made.folder, "Rihanna", sorted((strangers / "Rihanna").iterdir())[:2])
    known = Recognizer.load(made.folder).gallery
    assert known.small is not None
    assert len(known.small) == len(run.gallery.photos) + 2
    assert (known.small * known.embeddings).sum(1).max() < 0.999  # nobody's stands for itself


def carries_none(folder: Path) -> bool:
    recognizer = Recognizer.load(folder)
    nothing = not list(folder.rglob(FILE)) and set(small_in(folder)) == {None}
    return nothing and not recognizer.mirrored and recognizer.gallery.comparison is None


def test_weights_of_ones_own_have_none(shared: Path, people: Path, tmp_path: Path) -> None:
    """Whatever is in them: nobody has measured how that network's embeddings are compared."""
    own = onnx.load(shared / "weights" / "MobileFaceNet.onnx")
    own.doc_string = "my own"
    onnx.save(own, tmp_path / "own.onnx")
    run = train(people, out=tmp_path / "run", recipe="frozen", weights=str(tmp_path / "own.onnx"))
    assert carries_none(run.folder)


def test_a_network_that_is_trained_has_none(people: Path, tmp_path: Path) -> None:
    run = train(people, out=tmp_path / "seed", recipe="seed", epochs=1)
    assert carries_none(run.folder)


def test_a_head_is_tested_and_enrolled_as_it_will_be_asked(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the plain cosine and unmirrored, though its photos were seen mirrored first."""

    def won(context: Any, photos: Any, *_: object) -> Outcome:
        assert context.comparison is not None
        seen = photos.training
        first = seen.embeddings[:, : context.width]  # of two networks
        columns = mean_templates(first, seen.labels, len(seen.people))
        return Outcome([], "head, columns", "a test", columns)

    monkeypatch.setattr(training, "run_recipe", won)
    run = train(people, out=tmp_path / "head", recipe="best")
    assert carries_none(run.folder)
    recognizer = Recognizer.load(run.folder)
    gallery = recognizer.gallery
    paths = [people / gallery.photos[row] for row in (0, 20, 40)]
    for row, path in zip((0, 20, 40), paths, strict=True):
        (each,) = recognizer.pipeline().embed_photos([path])
        assert (each.embeddings @ gallery.embeddings[row]).max() == pytest.approx(1, abs=1e-5)
