"""Several backbones on one split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knownface.errors import KnownfaceError
from knownface.training.compare import compare


def test_one_split_and_a_missing_network_does_not_stop_the_rest(
    people: Path, strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody there: no download
    out = tmp_path / "compared"
    result = compare(
        people, backbones=["facenet", "mobilefacenet", "vggface2"], recipes=["frozen"], out=out,
        weights={"vggface2": "none"}, strangers=str(strangers),
    )  # fmt: skip
    rows = json.loads((out / "compare.json").read_text())["rows"]
    assert [row["backbone"] for row in rows] == ["facenet", "mobilefacenet", "vggface2"]
    assert "20180402-114759-weights.h5: download failed" in rows[0]["error"]
    assert "accuracy" not in rows[0]
    assert rows[1]["error"] is None
    assert rows[1]["accuracy"] >= rows[2]["accuracy"]
    assert {"parameters", "open_set", "seconds", "images_per_second"} <= set(rows[1])
    splits = [json.loads((out / row["run"] / "split.json").read_text()) for row in rows[1:]]
    assert splits[0]["validation"] == splits[1]["validation"]
    assert splits[0]["train"] == splits[1]["train"]
    page = (out / "report.html").read_text()
    assert 'href="mobilefacenet-frozen/report.html"' in page
    assert page.index("mobilefacenet") < page.index("vggface2") < page.index("download failed")
    assert [row.backbone for row in result.rows if row.evaluation] == ["mobilefacenet", "vggface2"]


def test_finished_runs_survive_an_interruption(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import knownface.training.compare as module

    train = module.train

    def once(*arguments: object, **options: object) -> object:
        if options["backbone"] == "senet":
            raise KeyboardInterrupt
        return train(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "train", once)
    with pytest.raises(KeyboardInterrupt):
        compare(
            people, backbones=["mobilefacenet", "senet"], recipes=["frozen"], out=tmp_path / "out"
        )
    assert (tmp_path / "out" / "mobilefacenet-frozen" / "recognizer").is_dir()
    assert len(json.loads((tmp_path / "out" / "compare.json").read_text())["rows"]) == 1


def test_nothing_usable_is_one_sentence_and_leaves_nothing(people: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match=r"None of the backbones.*accept_license=True"):
        compare(people, backbones=["vggface2"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(KnownfaceError, match="not compared"):
        compare(people, backbones=["senet"], weights={"facenet": "none"}, out=tmp_path / "out")
    with pytest.raises(KnownfaceError, match="There is no backbone 'nothing'"):
        compare(people, backbones=["nothing"], out=tmp_path / "out")
    with pytest.raises(
        KnownfaceError, match=r"^loss must be softmax, arcface or cosface, not hinge"
    ):
        compare(people, backbones=["mobilefacenet"], loss="hinge", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
