"""Videos of every kind of trouble, and live sources on this machine alone."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from serving import rtsp, streamed

from knownface.errors import KnownfaceError
from knownface.faces import video
from knownface.faces.video import LiveVideo, VideoError, VideoFile
from knownface.faces.video_source import is_live, is_video, named

av = pytest.importorskip("av")
WIDE, HIGH = 96, 64


def clip(
    path: Path,
    times: list[float],
    rotation: int = 0,
    sound: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Pictures of rising brightness at given times, with a mark in the upper left corner."""
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        tone = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        for i, seconds in enumerate(times):
            pixels = np.full((HIGH, WIDE, 3), 40 + 3 * i % 120, np.uint8)
            pixels[:20, :20] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if tone is not None:
            out.mux(_tone(tone, times[-1]))
    return path


def _tone(stream: object, seconds: float) -> list[object]:
    packets: list[object] = []
    for start in range(0, round(8000 * seconds), 1024):
        wave = (8000 * np.sin(np.arange(start, start + 1024))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        packets += stream.encode(frame)  # type: ignore[attr-defined]
    return packets + stream.encode()  # type: ignore[attr-defined, no-any-return]


EVEN = [i / 25 for i in range(50)]


def test_sources_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [is_live(each) for each in ("0", "rtsp://a/b", "HTTP://a", "a.mp4", "0.mp4")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    Path("7").touch()
    assert not is_live("7")  # a file of that name
    renamed = clip(tmp_path / "clip.mp4", EVEN[:5]).rename(tmp_path / "clip.jpeg.part")
    assert is_video(renamed)
    assert is_video(Path("gone.mkv"))
    assert not is_video(Path("gone.jpg"))
    Path("picture.mp4").write_bytes(b"\xff\xd8\xff\xe0 a photo with an odd name")
    assert not is_video(Path("picture.mp4"))


def test_passwords_are_never_shown() -> None:
    secret = "rtsp://admin:secret@127.0.0.1:1/live?token=secret"
    assert named(secret) == "rtsp://127.0.0.1:1/live"
    with LiveVideo(secret) as live, pytest.raises(VideoError) as caught:
        next(live.frames())
    assert "secret" not in str(caught.value)


def test_every_so_many_th_picture_with_its_time(tmp_path: Path) -> None:
    with VideoFile(clip(tmp_path / "a.mp4", EVEN)) as read:
        frames = list(read.frames(every=5))
        assert read.duration == pytest.approx(2.0, abs=0.05)
        assert read.fault == ""
    assert [frame.seconds for frame in frames] == pytest.approx(EVEN[::5], abs=1e-3)
    assert frames[0].pixels.shape == (HIGH, WIDE, 3)


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.52, 2.0, 2.3]
    with VideoFile(clip(tmp_path / "a.mkv", times)) as read:
        assert [f.seconds for f in read.frames()] == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize(
    ("turned", "corner"), [(90, "left below"), (-90, "right above"), (180, "right below")]
)
def test_pictures_are_turned_as_the_file_says(tmp_path: Path, turned: int, corner: str) -> None:
    with VideoFile(clip(tmp_path / "a.mp4", EVEN[:5], rotation=turned)) as read:
        pixels = next(read.frames()).pixels
    high, wide = pixels.shape[:2]
    assert (high < wide) == (abs(turned) == 180)
    y, x = (-5 if "below" in corner else 5), (-5 if "right" in corner else 5)
    assert pixels[y, x].min() > 200
    assert pixels[-y, -x].max() < 200


def test_pictures_are_as_wide_as_they_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "dvd.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((HIGH, WIDE, 3), np.uint8))))
        out.mux(stream.encode())
    with VideoFile(path) as read:
        assert next(read.frames()).pixels.shape == (HIGH, WIDE * 4 // 3, 3)


def test_what_can_be_read_of_a_file_that_ends_early_is_read(tmp_path: Path) -> None:
    whole = clip(
        tmp_path / "a.mp4", [i / 25 for i in range(250)], options={"movflags": "faststart"}
    )
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 6 // 10])
    with VideoFile(cut) as read:
        count = sum(1 for _ in read.frames())
        assert 20 < count < 240
        assert "ends after" in read.fault
        assert "of 10.0 seconds" in read.fault


def test_what_is_no_video_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(2000))
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=8000, layout="mono")
        out.mux(_tone(stream, 1.0))
    for name, words in {
        "broken.mp4": "cannot be read as a video",
        "empty.mp4": "cannot be read as a video",
        "none.mp4": "No such file",
        "sound.mp4": "has no moving pictures, only audio",
    }.items():
        with pytest.raises(VideoError, match=words) as caught:
            VideoFile(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))


def test_without_pyav_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(KnownfaceError, match=r'pip install "knownface\[video\]"'):
        video.pyav()


# ---------------------------------------------------------------- live
def test_a_live_source_gives_its_newest_picture_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "FIRST_WAIT", 0.1)
    data = clip(tmp_path / "a.ts", [i / 25 for i in range(75)]).read_bytes()
    seen: list[float] = []
    with streamed(data, 0.6) as (address, asked), LiveVideo(address) as live:
        for frame in live.frames():
            seen.append(frame.seconds)
            time.sleep(0.1)  # slower than they come: most are never seen
            if len(asked) == 3:
                break
    assert seen == sorted(seen)
    assert 4 < len(seen) < 60


def test_a_camera_in_the_network_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "FIRST_WAIT", 0.1)
    data = clip(tmp_path / "a.ts", [i / 25 for i in range(100)]).read_bytes()
    seen = []
    with rtsp(data, 1.5) as (address, asked), LiveVideo(address) as live:
        for frame in live.frames():
            seen.append(frame)
            if asked.count("PLAY") == 2 and len(seen) > 5:
                break
    assert seen[0].pixels.shape == (HIGH, WIDE, 3)
    assert "DESCRIBE" in asked


def test_a_live_source_that_is_not_there_is_said() -> None:
    with LiveVideo("http://127.0.0.1:9/live") as live, pytest.raises(VideoError, match="stream"):
        next(live.frames())
    with LiveVideo("63") as live, pytest.raises(VideoError, match="camera 63"):
        next(live.frames())


def test_a_file_cannot_make_it_read_other_places(tmp_path: Path) -> None:
    data = clip(tmp_path / "a.ts", EVEN).read_bytes()
    with streamed(data, 0.1) as (address, asked):
        (tmp_path / "list.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n{address}.ts\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(VideoError), VideoFile(tmp_path / "list.m3u8") as read:
            list(read.frames())
        assert not asked
