"""Videos through the whole path: answers per track, drawn copies, tables, live sources."""

from __future__ import annotations

import csv
import stat
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from painted import PEOPLE, RATE, STRANGER, Square, film, paint, recognizer

import knownface
from knownface.recognition.appearances import Appearances, TrackEvent
from knownface.recognition.footage import between
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import Recognition, RecognizedFace

av = pytest.importorskip("av")
RED, GREEN = PEOPLE["Red"], PEOPLE["Green"]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return recognizer(tmp_path_factory.mktemp("colours"))


def crossing(seconds: float) -> list[Square]:
    """Red goes to the right, a stranger to the left, behind; Green comes later."""
    squares: list[Square] = [
        (STRANGER, 280 - 60 * seconds, 100, 40), (RED, 40 + 60 * seconds, 110, 40),
    ]  # fmt: skip
    return squares + ([(GREEN, 160, 200, 50)] if seconds >= 2 else [])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "clip.mp4", 4.0, crossing, sound="aac")


def events(found: list[Recognition]) -> list[TrackEvent]:
    seen = Appearances()
    return [event for each in found for event in seen.add(each)] + list(seen.finish())


def test_there_is_one_answer_per_track(known: Recognizer, clip: Path) -> None:
    found = list(knownface.recognize(known, clip, every=5))
    assert [each.seconds for each in found] == pytest.approx([i / 5 for i in range(20)], abs=1e-3)
    assert {each.path for each in found} == {str(clip)}
    gone = {e.appearance.name: e.appearance for e in events(found) if e.kind == "went"}
    assert gone.keys() == {"Red", "Green", None}
    assert gone["Red"].begin == 0
    assert gone["Green"].begin == pytest.approx(2.0)
    assert gone["Green"].end == pytest.approx(3.8)
    assert gone[None].reason == "unknown"
    assert gone["Red"].track != gone[None].track


def test_a_name_comes_when_it_is_sure_and_stays(known: Recognizer, clip: Path) -> None:
    found = list(knownface.recognize(known, clip, every=5))
    shown = [face for each in found for face in each.faces if face.nearest == "Red"]
    first = next(i for i, face in enumerate(shown) if face.name)
    assert 1 <= first <= 4
    assert {face.name for face in shown[first:] if face.track == shown[first].track} == {"Red"}
    assert {face.reason for face in shown[:first]} == {"not sure yet"}
    kinds = [e.kind for e in events(found) if e.appearance.name == "Red" or e.kind == "unnamed"]
    assert kinds in (["came", "named", "went"], ["named", "went"])


def test_nobody_is_there_twice_at_a_time(known: Recognizer, tmp_path: Path) -> None:
    def two(seconds: float) -> list[Square]:
        return [(RED, 80, 120, 50), (RED, 240, 120, 40)]

    found = list(knownface.recognize(known, film(tmp_path / "two.mp4", 2.0, two)))
    for each in found:
        assert sum(face.name == "Red" for face in each.faces) <= 1
    named = {face.track for each in found for face in each.faces if face.name}
    assert len(named) == 1  # the name does not jump between them
    assert "already in this photo" in {face.reason for face in found[-1].faces}


def test_json_of_a_face_in_a_video_has_track_and_time(known: Recognizer, clip: Path) -> None:
    document = list(knownface.recognize(known, clip, every=10))[7].to_json()
    assert document["path"] == str(clip)
    assert {face["seconds"] for face in document["faces"]} == {2.8}
    assert len({face["track"] for face in document["faces"]}) == len(document["faces"]) == 3


# ---------------------------------------------------------------- drawn copies
def drawn(path: Path) -> tuple[list[np.ndarray], list[float], float]:
    """Pictures, their times, and how many seconds of sound there are."""
    with av.open(str(path)) as copy:
        sound = copy.streams.audio
        packets = [p for p in copy.demux(sound[0]) if p.dts is not None] if sound else []
        length = float(packets[-1].pts * packets[-1].time_base) if packets else 0.0
    with av.open(str(path)) as copy:
        frames = list(copy.decode(video=0))
    return [f.to_ndarray(format="rgb24") for f in frames], [f.time for f in frames], length


def test_a_copy_has_every_picture_boxes_names_and_sound(
    known: Recognizer, clip: Path, tmp_path: Path
) -> None:
    list(knownface.recognize(known, clip, every=5, out=tmp_path / "drawn"))
    pictures, times, sound = drawn(tmp_path / "drawn" / "clip.mp4")
    assert times == pytest.approx([i / RATE for i in range(4 * RATE)], abs=2e-3)
    assert sound == pytest.approx(4.0, abs=0.1)
    assert [path.name for path in (tmp_path / "drawn").iterdir() if path.suffix] == ["clip.mp4"]
    assert stat.S_IMODE((tmp_path / "drawn" / "clip.mp4").stat().st_mode) == 0o600
    for number in (52, 57, 63):  # between those looked at: the box goes with its square
        plain = paint(crossing(number / RATE)).astype(int)
        changed = np.abs(pictures[number].astype(int) - plain).max(2) > 60
        x = 40 + 60 * number / RATE
        assert changed[90:130, round(x) - 28 : round(x) - 12].any()
        assert changed[90:130, round(x) + 12 : round(x) + 28].any()


def test_one_video_can_be_drawn_into_a_file(known: Recognizer, clip: Path, tmp_path: Path) -> None:
    list(knownface.recognize(known, clip, every=25, out=tmp_path / "new" / "annotated.mkv"))
    assert len(drawn(tmp_path / "new" / "annotated.mkv")[0]) == 100
    with pytest.raises(knownface.KnownfaceError, match="for one video"):
        knownface.recognize(known, [clip, clip], out=tmp_path / "a.mp4")
    with pytest.raises(knownface.KnownfaceError, match="is the video itself"):
        knownface.recognize(known, clip, out=clip)
    with pytest.raises(knownface.KnownfaceError, match="is there already"):
        knownface.recognize(known, clip, out=tmp_path / "new" / "annotated.mkv")


def test_what_is_drawn_when_it_is_broken_off_can_be_seen(
    known: Recognizer, clip: Path, tmp_path: Path
) -> None:
    found = knownface.recognize(known, clip, every=5, out=tmp_path / "a.mp4")
    for _ in range(8):
        next(found)
    found.close()  # type: ignore[attr-defined]
    assert 30 <= len(drawn(tmp_path / "a.mp4")[0]) <= 50
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# ---------------------------------------------------------------- tables and errors
def test_a_table_has_a_line_per_track(known: Recognizer, clip: Path, tmp_path: Path) -> None:
    list(knownface.recognize(known, clip, csv=tmp_path / "tracks.csv"))
    with (tmp_path / "tracks.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["name"] for row in rows) == ["", "Green", "Red"]
    green = next(row for row in rows if row["name"] == "Green")
    assert (green["from"], green["to"], green["pictures"]) == ("2.000", "3.800", "10")


def test_what_only_photos_can_have_is_said_at_once(
    known: Recognizer, clip: Path, tmp_path: Path
) -> None:
    for options in ({"albums": tmp_path / "a"}, {"xmp": True}):
        with pytest.raises(knownface.KnownfaceError, match="is for photos"):
            knownface.recognize(known, clip, **options)  # type: ignore[arg-type]
    with pytest.raises(knownface.KnownfaceError, match="one after the other"):
        knownface.recognize(known, [clip, "a.jpg"], csv=tmp_path / "a.csv")
    with pytest.raises(knownface.KnownfaceError, match=r"^every must be 1 or more"):
        knownface.recognize(known, clip, every=0)


def test_a_broken_video_does_not_end_the_others(
    known: Recognizer, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(1000))
    found = list(knownface.recognize(known, [tmp_path / "broken.mp4", clip], every=25))
    assert found[0].error
    assert "broken.mp4" in found[0].error
    assert len(found) == 5


# ---------------------------------------------------------------- odd files
def test_a_copy_is_upright_and_keeps_odd_times(known: Recognizer, tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 0.6, 1.0, 1.04, 1.5]
    with av.open(str(tmp_path / "phone.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.set_display_rotation(90)
        for seconds in times:
            picture = np.rot90(paint([(RED, 100, 200, 60)], (240, 320)), -1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    clip, copy = tmp_path / "phone.mp4", tmp_path / "copy.mp4"
    found = list(knownface.recognize(known, clip, every=1, out=copy))
    assert [each.seconds for each in found] == pytest.approx(times, abs=2e-3)
    assert found[0].size == (240, 320)
    x, y, wide, high = found[-1].faces[0].box
    assert (x + wide / 2, y + high / 2) == pytest.approx((100, 200), abs=4)
    assert found[-1].faces[0].name == "Red"
    pictures, shown, _ = drawn(copy)
    assert shown == pytest.approx(times, abs=2e-3)
    assert pictures[0].shape == (320, 240, 3)


def test_sound_that_does_not_fit_is_left_out_with_a_word(
    known: Recognizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def still(seconds: float) -> list[Square]:
        return [(RED, 100, 100, 50)]

    clip = film(tmp_path / "clip.mkv", 1.0, still, sound="pcm_s16le")
    list(knownface.recognize(known, clip, out=tmp_path / "whole.mkv"))
    assert drawn(tmp_path / "whole.mkv")[2] == pytest.approx(1.0, abs=0.1)
    assert "does not fit" not in caplog.text
    clip = film(tmp_path / "other.mkv", 1.0, still, sound="libopus")
    list(knownface.recognize(known, clip, out=tmp_path / "less.avi"))
    assert "sound (opus) does not fit" in caplog.text
    assert len(drawn(tmp_path / "less.avi")[0]) == 25


def test_a_kind_of_file_that_cannot_hold_it_is_said(
    known: Recognizer, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(knownface.KnownfaceError, match="not a kind of file"):
        list(knownface.recognize(known, clip, out=tmp_path / "a.webm"))
    assert not list(tmp_path.iterdir())


def test_without_h264_there_is_another_encoder(
    known: Recognizer,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    list(knownface.recognize(known, clip, every=25, out=tmp_path / "a.mp4"))
    assert "no H.264 encoder" in caplog.text
    assert len(drawn(tmp_path / "a.mp4")[0]) == 100


def test_boxes_are_on_their_way_between_answers() -> None:
    def answer(seconds: float, *faces: tuple[int, float]) -> Recognition:
        shown = tuple(
            RecognizedFace((x, 0, 10, 10), "Ann", 0.9, None, "Ann", 1.0, track)
            for track, x in faces
        )
        return Recognition("clip", shown, seconds=seconds)

    before, after = answer(1.0, (1, 0), (2, 50)), answer(2.0, (1, 100), (3, 90))

    def places(seconds: float) -> dict[int | None, float]:
        shown = between(before, after, seconds)
        assert shown
        return {face.track: face.box[0] for face in shown.faces}

    assert places(1.25) == {1: 25, 2: 50}
    assert places(1.75) == {1: 75, 3: 90}
    assert places(2.0) == {1: 100, 3: 90}
    assert between(None, None, 1.0) is None
