"""Weight files: finding, checking and downloading them, against a server on loopback."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from knownface.files import download as weights
from knownface.files import silent_hosts
from knownface.files.cache import cache_folder
from knownface.files.download import DamagedFile, WeightError, WeightFile, obtain
from knownface.networks.strict import check_arrays

CONTENT = np.random.default_rng(0).bytes(700_000)


class Server(ThreadingHTTPServer):
    """Serves CONTENT, as badly as a test asks for; `requests` lists the Range headers seen."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str | None] = []
        self.content, self.status, self.cut, self.ranges = CONTENT, 200, 0, True
        self.go_on = threading.Event()  # what a stalled answer waits for
        self.go_on.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/face.onnx"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        asked = self.headers.get("Range")
        server.requests.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = (
            int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        )
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut or None])
        self.wfile.flush()
        server.go_on.wait()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("KNOWNFACE_WEIGHTS", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "")


@pytest.fixture
def file(server: Server) -> WeightFile:
    return WeightFile(
        "face.onnx", server.url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "MIT", "test"
    )


def left() -> list[str]:
    return sorted(p.name for p in (cache_folder() / "weights").iterdir() if p.suffix != ".lock")


def test_download_verifies_and_keeps(file: WeightFile, server: Server) -> None:
    steps: list[int] = []

    def track(items, description, total):  # type: ignore[no-untyped-def]
        for item in items:
            steps.append(total)
            yield item

    path = obtain(file, track)
    assert path.read_bytes() == CONTENT
    assert left() == ["face.onnx"]
    assert set(steps) == {len(steps)}  # the bar ends where it said it would
    assert obtain(file) == path
    assert len(server.requests) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_transfer_resumes(file: WeightFile, server: Server, ranges: bool) -> None:
    server.cut = 300_000
    with pytest.raises(WeightError, match="ended after 300,000 of 700,000 bytes"):
        obtain(file)
    server.cut, server.ranges = 0, ranges
    assert obtain(file).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-"]
    assert left() == ["face.onnx"]


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT + b"more", b"<html>" * 200_000])
def test_other_content_is_refused_and_removed(
    file: WeightFile, server: Server, content: bytes
) -> None:
    server.content = content
    with pytest.raises(WeightError, match="another size or sha256") as caught:
        obtain(file)
    assert file.url in str(caught.value)
    assert str(file.sha256) in str(caught.value)
    assert "weights='FILE'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left() == []


def test_no_published_hash_takes_what_is_complete(file: WeightFile, server: Server) -> None:
    unpublished = replace(file, bytes=None, sha256=None)
    server.cut = 1000
    with pytest.raises(WeightError, match="ended after 1,000 of 700,000"):
        obtain(unpublished)
    server.cut = 0
    assert obtain(unpublished).read_bytes() == CONTENT


def test_not_found(file: WeightFile, server: Server) -> None:
    server.status = 404
    with pytest.raises(WeightError, match="the server answered 404 Not Found"):
        obtain(file)
    assert left() == []


def test_nobody_answers(file: WeightFile) -> None:
    with pytest.raises(WeightError, match="no connection"):
        obtain(replace(file, url="http://127.0.0.1:9/face.onnx"))
    with pytest.raises(WeightError, match="no connection"):
        obtain(replace(file, url="http://no-such-host.invalid/face.onnx"))
    assert left() == []


def test_proxy_variables_are_used(
    file: WeightFile, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    path = obtain(replace(file, url="http://weights.example.invalid/face.onnx"))
    assert path.read_bytes() == CONTENT


def test_a_full_disk_is_one_sentence(file: WeightFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux's /dev/full refuses every write with ENOSPC."""
    folder = cache_folder() / "weights"
    folder.mkdir(parents=True)
    (folder / "face.onnx.part").symlink_to("/dev/full")
    with pytest.raises(WeightError, match="No space left on device"):
        obtain(file)
    assert left() == []


def test_two_processes_download_once(file: WeightFile, server: Server) -> None:
    code = f"from knownface.files.download import *; print(obtain({file!r}))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    paths = {process.communicate(timeout=60)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(paths) == 1
    assert Path(paths.pop()).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_folders_come_before_the_cache_and_the_download(
    file: WeightFile, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "second" / "face.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    assert obtain(file) == tmp_path / "second" / "face.onnx"
    assert not server.requests


@pytest.mark.parametrize("content", [CONTENT[:-5], CONTENT[:-1] + b"x"])
def test_a_found_file_is_checked_and_never_deleted(
    file: WeightFile, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "face.onnx"
    path.write_bytes(content)
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", str(tmp_path))
    with pytest.raises(DamagedFile, match="damaged, or another file under that name") as caught:
        obtain(file)
    said = str(caught.value)
    found = hashlib.sha256(content).hexdigest()
    pairs = [("699,995 bytes", "700,000"), (f"sha256 {found}", str(file.sha256))]
    assert any(is_there in said and expected in said for is_there, expected in pairs)
    assert said.startswith(str(path))
    assert str(file.url) in said
    assert path.read_bytes() == content


def test_strict_assignment_names_what_differs() -> None:
    expected = {"a/kernel": (3, 3), "a/bias": (3,), "b/kernel": (2,), "c": (1,)}
    found = {
        "a/kernel": np.zeros((3, 4)),
        "a/bias": np.zeros(3),
        "c": np.array([np.nan]),
        "d": np.zeros(1),
    }
    with pytest.raises(WeightError) as caught:
        check_arrays(expected, found, "face.h5")
    assert str(caught.value) == (
        "face.h5: does not fit this network; missing: b/kernel; not expected: d; "
        "wrong shape: a/kernel is (3, 4) and should be (3, 3); not finite: c"
    )
    check_arrays({"c": (1,)}, {"c": np.ones(1)}, "face.h5")


def test_the_cache_lies_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert weights.cache_folder() == Path("/home/someone/.cache/knownface")


# ---------------------------------------------------------------- a firewall that drops packets
@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """What is waited here, so that the tests are quick."""
    monkeypatch.setattr(weights, "SHORT_PATIENCE", 0.4)
    monkeypatch.setattr(weights, "PATIENCE", 0.8)
    monkeypatch.setattr(weights, "NOTICED", 0.2)
    return 0.4


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of somebody who takes every call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/face.onnx"


def waited(file: WeightFile, words: str, asked: bool = False) -> float:
    """Seconds until it is given up."""
    start = time.monotonic()
    with pytest.raises(WeightError, match=words) as caught:
        obtain(file, asked=asked)
    assert len(str(caught.value).splitlines()) == 1
    return time.monotonic() - start


def test_three_seconds_are_waited_for_what_nobody_asked_for() -> None:
    assert weights.SHORT_PATIENCE <= 3


def test_silence_is_waited_for_once_and_remembered(
    file: WeightFile, mute: str, patience: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "knownface")
    silent = replace(file, url=mute)
    assert patience <= waited(silent, "nothing came for") < patience + 0.3
    assert len(caplog.messages) == 1
    assert waited(silent, "did not answer lately") < 0.2  # another process reads the same mark
    assert waited(replace(silent, name="other.onnx"), "did not answer lately") < 0.2
    assert len(caplog.messages) == 1  # nothing is announced that is not done
    assert waited(silent, "nothing came for", asked=True) >= 0.8
    mark = next((cache_folder() / "silent").iterdir())
    os.utime(mark, (0, time.time() - silent_hosts.DAY - 1))
    assert waited(silent, "nothing came for") >= patience


def test_a_body_that_stalls_is_not_waited_for_either(
    file: WeightFile, server: Server, patience: float
) -> None:
    server.cut = 300_000
    server.go_on.clear()
    assert patience <= waited(file, "nothing came for") < patience + 0.3
    server.go_on.set()
    server.cut = 0
    assert waited(file, "did not answer lately") < 0.2
    assert obtain(file).read_bytes() == CONTENT  # who asks for it asks again, and is remembered
    assert server.requests[-1] == f"bytes={weights.CHUNK}-"
    (cache_folder() / "weights" / file.name).unlink()
    assert obtain(file, asked=False).read_bytes() == CONTENT


def test_a_name_that_nobody_looks_up_is_not_waited_for(
    file: WeightFile, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver behind such a firewall answers after many seconds; no timeout ends that."""
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20) and [])
    nowhere = replace(file, url="http://weights.example.invalid/face.onnx")
    assert waited(nowhere, "nothing came for") < patience + 0.3
    ended.set()


def test_what_fails_at_once_is_asked_again(file: WeightFile, server: Server) -> None:
    assert waited(replace(file, url="http://127.0.0.1:9/face.onnx"), "no connection") < 1
    assert not (cache_folder() / "silent").exists()
    server.status = 404
    waited(file, "answered 404")
    server.status = 200
    assert obtain(file, asked=False).read_bytes() == CONTENT


def test_a_proxy_that_is_silent_is_remembered_itself(
    file: WeightFile, server: Server, mute: str, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", mute.replace("//", "//me:secret@").removesuffix("/face.onnx"))
    assert waited(file, "nothing came for") >= patience
    assert waited(file, "did not answer lately") < 0.2
    assert not any("secret" in path.name for path in (cache_folder() / "silent").iterdir())
    monkeypatch.delenv("http_proxy")
    assert obtain(file, asked=False).read_bytes() == CONTENT


def test_silence_is_remembered_where_the_cache_cannot_be_written(
    file: WeightFile, mute: str, patience: float
) -> None:
    (cache_folder() / "weights").mkdir(parents=True)
    (cache_folder() / "silent").write_text("a file in the way")
    silent = replace(file, url=mute)
    assert waited(silent, "nothing came for") >= patience
    assert waited(silent, "did not answer lately") < 0.2


def test_a_download_is_announced_in_one_line(
    file: WeightFile, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "knownface")
    obtain(file)
    address = f"127.0.0.1:{server.server_port}"
    assert caplog.messages == [f"Downloading face.onnx (700,000 bytes) from {address}"]
