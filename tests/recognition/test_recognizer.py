"""One recogniser in many threads and processes, and its folder through every kind of failure."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import answer_and_network

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.errors import KnownfaceError
from knownface.faces import crops
from knownface.faces.detectors.mtcnn import Mtcnn
from knownface.faces.detectors.yunet import YUNET
from knownface.faces.photo import ImageError, open_photo, read_image
from knownface.files import committed, whole
from knownface.networks.zoo import get_backbone
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.verify import verify
from knownface.stats.vectors import unit_length


@pytest.fixture
def recognizer(run_folder: Path) -> Recognizer:
    return Recognizer.load(run_folder)


@pytest.fixture(scope="module")
def photos(people: Path) -> list[Path]:
    """Eight photos of five people."""
    return sorted(people.glob("*/*.jpg"))[::7]


# ---------------------------------------------------------------- threads
def test_every_thread_gets_its_own_photo_s_answer(run_folder: Path, people: Path) -> None:
    """One request of OpenVINO serves one caller: it said `busy`, or another photo's name."""
    recognizer = Recognizer.load(run_folder)  # its detector is not loaded yet
    images = [read_image(path) for path in sorted(people.glob("*/*.jpg"))[::2]]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(recognizer.recognize, images * 3))
    assert found == [recognizer.recognize(image) for image in images] * 3


def test_threads_that_start_at_once_load_one_detector(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, calls = crops.load_detector, []

    def slow(*options: Any) -> Any:
        calls.append(options)
        time.sleep(0.1)
        return load(*options)

    monkeypatch.setattr(crops, "load_detector", slow)
    with ThreadPoolExecutor(8) as pool:
        croppers = list(pool.map(lambda _: recognizer.cropper(), range(8)))
    assert len(calls) == len(set(map(id, croppers))) == 1


# ---------------------------------------------------------------- processes
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_answer_as_their_parent_does(
    method: str, recognizer: Recognizer, photos: list[Path]
) -> None:
    expected = [recognizer.recognize(path) for path in photos]
    assert next(recognizer.recognize_photos(photos)).path == str(photos[0])
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        found = list(pool.map(recognizer.recognize, photos, timeout=300))
        tasks = [pool.submit(answer_and_network, recognizer, path) for path in photos]
        compiled = [task.result(timeout=300) for task in tasks]
    assert found == [answer for _, _, answer in compiled] == expected
    processes = {process for process, _, _ in compiled}
    assert len({(process, network) for process, network, _ in compiled}) == len(processes)


def test_a_forked_child_uses_nothing_of_its_parent_s(
    recognizer: Recognizer, photos: list[Path]
) -> None:
    expected = list(recognizer.recognize_photos(photos))
    single = recognizer.recognize(photos[0])

    def work() -> None:
        network = recognizer.embedder.network._compiled
        same = recognizer.recognize(photos[0]) == single
        same &= list(recognizer.recognize_photos(photos)) == expected
        os._exit(0 if same and recognizer.embedder.network.compiled is not network else 1)

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    process.kill()


def test_everything_can_be_copied_and_pickled(recognizer: Recognizer, photos: list[Path]) -> None:
    expected = recognizer.recognize(photos[0])
    for same in (copy.deepcopy(recognizer), pickle.loads(pickle.dumps(recognizer))):
        assert same.recognize(photos[0]) == expected
        assert same.embedder.network.compiled is recognizer.embedder.network.compiled
    found = Mtcnn().find_faces(open_photo(photos[0]).picture)
    again = pickle.loads(pickle.dumps(Mtcnn())).find_faces(open_photo(photos[0]).picture)
    assert [face.box for face in found] == [face.box for face in again]


def test_a_pickle_whose_network_has_changed_is_refused(run_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "embedder.onnx"
    shutil.copy(run_folder / "recognizer" / "embedder.onnx", path)
    kept = pickle.dumps(Embedder(path))
    shutil.copy(backbone_embedder(get_backbone("mini")).path, path)
    with pytest.raises(KnownfaceError, match="another network lies there"):
        pickle.loads(kept)
    path.unlink()
    with pytest.raises(KnownfaceError, match="cannot be read"):
        pickle.loads(kept)


# ---------------------------------------------------------------- what it accepts
@pytest.mark.parametrize("source", [
    np.zeros((0, 40, 3), np.uint8), np.zeros((40, 40, 3)), np.zeros((1, 40, 40, 3), np.uint8), 7,
    None, ["a.jpg"],
], ids=str)  # fmt: skip
def test_what_is_no_photo_is_refused_in_one_sentence(source: Any, recognizer: Recognizer) -> None:
    with pytest.raises(ImageError, match="uint8") as refused:
        recognizer.recognize(source)
    assert "\n" not in str(refused.value)


def test_pixels_come_along_where_they_are_asked_for(
    recognizer: Recognizer, photos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    some = [photos[0], tmp_path / "text.jpg"]
    plain, seen = (list(recognizer.recognize_photos(some, pixels=p)) for p in (False, True))
    assert plain == seen
    assert [each.pixels is None for each in plain + seen] == [True, True, False, True]
    np.testing.assert_array_equal(seen[0].pixels, read_image(photos[0]))
    assert "pixels" not in seen[0].to_json()


def test_what_is_printed_is_short(recognizer: Recognizer, photos: list[Path]) -> None:
    assert repr(recognizer).startswith("Recognizer(5 people, mobilefacenet, threshold 0.")
    assert repr(recognizer.gallery) == "Gallery(5 people, 50 photos)"
    assert repr(recognizer.embedder).startswith("Embedder(embedder.onnx, CPU")
    found = next(recognizer.recognize_photos(photos[:1], pixels=True))
    assert repr(found).startswith(f"Recognition({photos[0]}: {photos[0].parent.name} 0.")
    assert max(len(repr(each)) for each in (recognizer, recognizer.cropper(), found.faces)) < 200


# ---------------------------------------------------------------- another network's gallery
def test_a_gallery_of_another_network_is_refused(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match="gives 128 numbers per face, and the gallery has 256"):
        replace(recognizer, embedder=backbone_embedder(get_backbone("mini")))
    file = onnx.load(recognizer.embedder.path)
    file.doc_string = "as wide, so that nothing else would tell"
    onnx.save(file, tmp_path / "other.onnx")
    with pytest.raises(KnownfaceError, match="not the network"):
        replace(recognizer, embedder=Embedder(tmp_path / "other.onnx"))
    with pytest.raises(KnownfaceError, match="not the network, or not the crops"):
        replace(recognizer, crop=replace(recognizer.crop, margin=0.1))
    known = recognizer.gallery
    halves = (unit_length(each[:, :64]) for each in (known.templates, known.embeddings))
    narrow = replace(
        known, **dict(zip(("templates", "embeddings"), halves, strict=True)), small=None,
        comparison=None,
    )  # fmt: skip
    with pytest.raises(KnownfaceError, match=r"256 numbers per face, and the gallery has 64"):
        replace(recognizer, gallery=narrow)
    recognizer.gallery = replace(known, contract="of another network")
    recognizer.save(tmp_path)
    with pytest.raises(KnownfaceError, match="not the network"):
        Recognizer.load(tmp_path)


# ---------------------------------------------------------------- the folder
def alternatives(recognizer: Recognizer) -> tuple[Recognizer, Recognizer]:
    """Two that differ in everything but the network."""
    gallery, half = recognizer.gallery, len(recognizer.people) // 2
    some = gallery.labels < half
    names = [gallery.photos[i] for i in np.flatnonzero(some)]
    smaller = Gallery.enroll(
        gallery.people[:half], gallery.embeddings[some], gallery.labels[some], names, names,
        contract=gallery.contract,
    )  # fmt: skip
    threshold = replace(recognizer.threshold, value=0.5)
    return recognizer, replace(recognizer, gallery=smaller, threshold=threshold)


def described(recognizer: Recognizer) -> tuple[Any, ...]:
    gallery = recognizer.gallery
    scores = gallery.scores(gallery.embeddings).tobytes()  # by cosine, or as the network teaches
    return recognizer.threshold, gallery.people, gallery.photos, scores


def test_saved_and_loaded_anywhere_it_is_the_same(
    recognizer: Recognizer, run_folder: Path, tmp_path: Path
) -> None:
    names = {path.name for path in (run_folder / "recognizer").iterdir()}
    recognizer.save(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    again = Recognizer.load(tmp_path / "new")
    assert described(again) == described(recognizer)
    assert again.about == recognizer.about
    own = alternatives(again)[1]
    own.save(tmp_path / "new")  # onto itself
    assert {path.name for path in (tmp_path / "new").iterdir()} == names - {"comparison.npz"}
    assert described(Recognizer.load(tmp_path / "new")) == described(own)


def test_the_network_is_saved_whatever_its_file_is_called(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    shutil.copy(recognizer.embedder.path, tmp_path / "frozen.onnx")
    moved = replace(recognizer, embedder=Embedder(tmp_path / "frozen.onnx"))
    moved.save(tmp_path / "saved")
    assert described(Recognizer.load(tmp_path / "saved")) == described(recognizer)
    assert not (tmp_path / "saved" / "embedder.keras").exists()


def test_a_network_that_was_exchanged_under_it_is_not_saved(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    recognizer.save(tmp_path)
    loaded = Recognizer.load(tmp_path)
    shutil.copy(backbone_embedder(get_backbone("mini")).path, tmp_path / "embedder.onnx")
    with pytest.raises(KnownfaceError, match="another network lies there"):
        loaded.save(tmp_path)
    with pytest.raises(KnownfaceError, match=r"embedder\.onnx: not as it was saved"):
        Recognizer.load(tmp_path)


def test_an_old_format_is_one_sentence(recognizer: Recognizer, tmp_path: Path) -> None:
    recognizer.save(tmp_path)
    record = tmp_path / "recognizer.json"
    document = json.loads(record.read_text())
    record.write_text(json.dumps(document | {"format_version": 1}))
    with pytest.raises(KnownfaceError, match="format version 1, and this knownface reads 3"):
        Recognizer.load(tmp_path)
    del document["licence"]
    record.write_text(json.dumps(document))
    with pytest.raises(KnownfaceError, match="not a usable recognizer"):
        Recognizer.load(tmp_path)


def test_a_failure_at_any_step_leaves_the_old_or_the_new(
    recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the n-th write, copy, flush or renaming, for every n there is."""
    first, second = alternatives(recognizer)
    seen = set()
    for step in range(100):
        folder = tmp_path / str(step)
        first.save(folder)
        with monkeypatch.context() as patch:
            left = [step]
            for place, name in [
                (whole.Path, "replace"), (whole.Path, "write_bytes"), (whole.Path, "write_text"),
                (committed.os, "fsync"), (committed.shutil, "copyfile"), (whole.Path, "unlink"),
            ]:  # fmt: skip
                patch.setattr(place, name, failing(getattr(place, name), left))
            try:
                second.save(folder)
            except OSError:
                failed = True
            else:
                failed = False
        found = described(Recognizer.load(folder))
        assert found in (described(first), described(second))
        seen.add(found)
        if not failed and left[0] > 0:
            break
        second.save(folder)  # what was left does not stand in the way
        assert described(Recognizer.load(folder)) == described(second)
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert step > 5
    assert len(seen) == 2


def failing(work: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(28, "No space left on device")
        return work(*arguments, **options)

    return call


def test_killed_at_any_moment_it_is_the_old_or_the_new(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    both = alternatives(recognizer)
    expected = {described(each) for each in both}
    both[1].save(tmp_path)
    start = time.perf_counter()
    both[0].save(tmp_path)
    usual = time.perf_counter() - start
    rng, seen, kills = random.Random(1), set(), 0

    def save_for_ever() -> None:
        for i in range(1, 10**6):
            both[i % 2].save(tmp_path)

    while kills < 12 or (seen != expected and kills < 60):
        kills += 1
        process = get_context("fork").Process(target=save_for_ever)
        process.start()
        time.sleep(rng.uniform(0.1, 4) * usual)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found = described(Recognizer.load(tmp_path))
        assert found in expected
        seen.add(found)
    assert seen == expected


def test_who_reads_while_it_is_saved_sees_the_old_or_the_new(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    both = alternatives(recognizer)
    expected = {described(each) for each in both}
    both[0].save(tmp_path)
    stop = get_context("fork").Event()

    def save_on() -> None:
        while not stop.is_set():
            for each in both:
                each.save(tmp_path)

    savers = [get_context("fork").Process(target=save_on) for _ in range(2)]
    for saver in savers:
        saver.start()
    try:
        found = {described(Recognizer.load(tmp_path)) for _ in range(40)}
    finally:
        stop.set()
        for saver in savers:
            saver.join()
    assert found == expected
    assert [saver.exitcode for saver in savers] == [0, 0]
    assert described(Recognizer.load(tmp_path)) in expected


# ---------------------------------------------------------------- its detector
@pytest.fixture
def elsewhere(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recogniser, copied to a machine that has nothing else; who asks the network fails."""
    copied = tmp_path / "copied"
    shutil.copytree(run_folder / "recognizer", copied)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("KNOWNFACE_WEIGHTS")
    return copied


def test_the_folder_carries_its_detector(
    elsewhere: Path, recognizer: Recognizer, people: Path, tmp_path: Path
) -> None:
    file = elsewhere / "detector" / YUNET.name
    assert hashlib.sha256(file.read_bytes()).hexdigest() == YUNET.sha256
    listed = json.loads((elsewhere / "recognizer.json").read_text())["files"]
    assert listed[f"detector/{YUNET.name}"] == YUNET.sha256
    moved = Recognizer.load(elsewhere)
    assert moved.cropper().detector == "yunet"
    photos = sorted(people.glob("*/*.jpg"))[:3]
    assert list(moved.recognize_photos(photos)) == list(recognizer.recognize_photos(photos))
    assert verify(photos[0], photos[1], recognizer=moved).same
    moved.save(tmp_path / "again")
    assert (tmp_path / "again" / "detector" / YUNET.name).is_file()


def test_a_folder_from_before_finds_or_fetches_it(
    elsewhere: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, offline: None
) -> None:
    shutil.rmtree(elsewhere / "detector")
    record = elsewhere / "recognizer.json"
    document = json.loads(record.read_text())
    del document["files"][f"detector/{YUNET.name}"]
    record.write_text(json.dumps(document))
    assert Recognizer.load(elsewhere).cropper().detector == "mtcnn"
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", str(shared / "weights"))
    assert Recognizer.load(elsewhere).cropper().detector == "yunet"


def test_recognising_uses_the_detector_of_the_training(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    about = replace(recognizer.about, detector="mtcnn")
    replace(recognizer, about=about, detector=None, _cropper=None).save(tmp_path)
    assert not (tmp_path / "detector").exists()
    assert Recognizer.load(tmp_path).cropper().detector == "mtcnn"  # though YuNet is here


# ---------------------------------------------------------------- damaged files
@pytest.mark.parametrize("name", ["embedder.onnx", "embedder.keras", f"detector/{YUNET.name}"])
def test_flipped_bits_are_refused(name: str, recognizer: Recognizer, tmp_path: Path) -> None:
    recognizer.save(tmp_path)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    rng = random.Random(0)
    for _ in range(20):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    with pytest.raises(KnownfaceError, match=r"(as it|that) was saved") as refused:
        Recognizer.load(tmp_path)
    assert str(refused.value).startswith(str(path))
    path.unlink()
    if name == "embedder.keras":  # which recognising can do without
        Recognizer.load(tmp_path)
    else:
        with pytest.raises(KnownfaceError, match=r"No such file|cannot be read"):
            Recognizer.load(tmp_path)


def test_a_record_reaches_no_file_outside_its_folder(
    recognizer: Recognizer, tmp_path: Path
) -> None:
    """Saving would remove what an earlier record names and the new one does not."""
    folder, outside = tmp_path / "artifact", tmp_path / "photo.jpg"
    recognizer.save(folder)
    outside.write_bytes(b"mine")
    record = folder / "recognizer.json"
    document = json.loads(record.read_text())
    for name in ("../photo.jpg", str(outside), "detector/../../photo.jpg"):
        changed = document | {"files": document["files"] | {name: "0" * 64}}
        record.write_text(json.dumps(changed))
        with pytest.raises(KnownfaceError, match="which lies elsewhere"):
            Recognizer.load(folder)
        recognizer.save(folder)
        assert outside.read_bytes() == b"mine"
