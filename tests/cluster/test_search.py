"""Searching an index: the most similar faces, above a threshold that was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from command_line import knownface as shell
from command_line import refused

import knownface
from knownface.cluster import index as index_module
from knownface.cluster.index import Index, Terms
from knownface.cluster.index_place import Place
from knownface.cluster.index_rows import Rows, face_schema, photo_schema
from knownface.cluster.search import _most_similar
from knownface.faces.face import Crop
from knownface.progress import silent

WIDTH = 16


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def made_up(folder: Path, embeddings: np.ndarray, parts: int, **terms: Any) -> Index:
    """An index of these faces, each in a photo of its own, in several files."""
    about = {"backbone": "mini", "contract": "0" * 32, "licence": "ours", "detector": None}
    crop = Crop("five_point", 112)
    index = Index.create(
        Place(folder), Terms(**about | terms, width=embeddings.shape[1], crop=crop, mirrored=False)
    )
    for rows in np.array_split(np.arange(len(embeddings)), parts):
        faces = [
            {"photo": f"/{row:05}.jpg", "digest": "", "face": 0, "box": [row, 1, 2, 3],
             "landmarks": [0] * 10, "score": 1, "quality": 1, "sharpness": 1, "photo_width": 9,
             "photo_height": 9, "taken": None, "embedding": embeddings[row], "portrait": b""}
            for row in rows.tolist()
        ]  # fmt: skip
        photos = [{"path": each["photo"], "bytes": 1, "modified": 1, "faces": 1} for each in faces]
        index.commit(
            Rows(
                pa.Table.from_pylist(photos, photo_schema()),
                pa.Table.from_pylist(faces, face_schema(embeddings.shape[1])),
            )
        )
    return index


@pytest.mark.parametrize("top", [1, 7, 500])
def test_it_finds_what_comparing_with_everything_finds(
    top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "TOGETHER", 64)
    rng = np.random.default_rng(0)
    embeddings = unit(rng.normal(size=(700, WIDTH)))
    embeddings[600:620] = embeddings[3]  # as similar as each other, in other files
    index = made_up(tmp_path / "index", embeddings, 5)
    probes = np.concatenate([embeddings[3:4], unit(rng.normal(size=(2, WIDTH)))])
    scores = probes @ embeddings.T
    for hits, row in zip(_most_similar(index, probes, top, 0.2, silent), scores, strict=True):
        wanted = sorted((i for i in range(700) if row[i] >= 0.2), key=lambda i: (-row[i], i))
        assert [hit.photo for hit in hits] == [f"/{i:05}.jpg" for i in wanted[:top]]
        assert [hit.box[0] for hit in hits] == wanted[:top]
        np.testing.assert_allclose([h.similarity for h in hits], row[wanted[:top]], rtol=1e-6)


@pytest.fixture(scope="module")
def indexed(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("indexed") / "index"
    knownface.index([people / "Tom_Cruise", people / "Megan_Fox"], out=out)
    return out


def test_the_same_person_is_found_and_nobody_else(people: Path, indexed: Path) -> None:
    photo = people / "Tom_Cruise" / "001.jpg"
    found = knownface.search(indexed, photo, top=50)
    assert found.compared == Index.open(indexed).face_count
    [face] = found.faces
    assert face.hits[0].photo == str(photo)
    assert face.hits[0].similarity == pytest.approx(1)
    assert len(face.hits) > 5
    assert {Path(hit.photo).parent.name for hit in face.hits} == {"Tom_Cruise"}
    looser, stricter = (knownface.search(indexed, photo, top=50, far=far) for far in (0.9, 1e-6))
    assert looser.threshold < found.threshold <= face.hits[-1].similarity
    assert found.threshold < stricter.threshold
    assert len(looser.faces[0].hits) >= len(face.hits) > len(stricter.faces[0].hits)
    assert found.by_chance == pytest.approx(0.0001 * found.compared)


def test_the_shell_says_it(people: Path, indexed: Path) -> None:
    photo = people / "Tom_Cruise" / "001.jpg"
    done = shell("search", indexed, photo, "--top", "2")
    first, _ = done.stdout.splitlines()
    assert first.startswith(f"{photo} 1.00 [")
    assert "faces compared; threshold 0." in done.stderr
    document = json.loads(shell("search", indexed, photo, "--json").stdout)
    assert document["faces"][0]["hits"][0]["photo"] == str(photo)
    assert {"threshold", "far", "by_chance", "compared", "seconds"} <= document.keys()
    stranger = shell("search", indexed, people / "Johnny_Depp" / "001.jpg")
    assert stranger.stdout == "nobody of the index looks like this face\n"


def test_what_cannot_be_searched_is_one_sentence(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    refused(shell("search", tmp_path / "nowhere", photo), "nowhere: no index", "--out")
    made_up(tmp_path / "index", unit(np.ones((2, 128))), 1)
    refused(
        shell("search", tmp_path / "index", photo, "--faces", "cropped"), "other weights of mini"
    )
    refused(shell("search", tmp_path / "index", photo, "--top", "0"), "--top must be between 1")
    refused(shell("search", tmp_path / "index", photo, "--far", "1"), "--far must be between 0")
