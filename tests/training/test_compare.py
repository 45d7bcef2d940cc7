"""Several backbones on one split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def test_by_default_what_is_here_is_compared(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compared: list[str] = []

    def no_training(**options: Any) -> None:
        compared.append(options["backbone"])
        raise KnownfaceError("not today")

    def names(**options: Any) -> list[str]:
        compared.clear()
        caplog.clear()
        with pytest.raises(KnownfaceError, match="not today"):
            compare(people, out=tmp_path / "out", **options)
        return list(compared)

    monkeypatch.setattr("knownface.training.compare.train", no_training)
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level("INFO", "knownface")
    assert names() == ["mini"]
    assert "recipes are compared, not networks" in caplog.text
    for file in ("MobileFaceNet.onnx", "w600k_r50.onnx"):
        (tmp_path / file).touch()
    assert names() == ["mini", "mobilefacenet"]
    assert "left out: arcface (licence not accepted)" in caplog.text
    assert "facenet (not here)" in caplog.text
    assert "fetch NAME` gets one, with accept_license=True" in caplog.text
    assert "recipes are compared" not in caplog.text
    assert names(accept_license=True) == ["arcface", "mini", "mobilefacenet"]
    assert "senet" in names(weights={"senet": "none"})
    assert names(backbones=["senet"]) == ["senet"]
