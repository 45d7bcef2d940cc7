"""A server of invented people, and a browser to open its page with."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from knownface.recognition.artifact import GALLERY
from knownface.recognition.recognizer import Recognizer
from knownface.server.app import create_app
from knownface.server.keys import Keys
from knownface.server.service import Service
from knownface.server.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`people`, `strangers`, and a finished `run` of those, with the small network."""
    from knownface.synthetic.folder import demo
    from knownface.training.train import train

    folder = tmp_path_factory.mktemp("invented") / "them"
    demo(folder, people=6, photos=6, strangers=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody there: no detector is fetched
        train(
            folder / "people", out=folder / "run", recipe="frozen", backbone="mini",
            strangers=str(folder / "strangers"),
        )  # fmt: skip
    return folder


@dataclass
class Served:
    """A server in a thread; address: where its page is; photos: of its people, by name."""

    run: Path
    keep_days: float = 30.0
    keys: Keys | None = None
    port: int = 0
    photos: dict[str, list[Path]] = field(default_factory=dict)
    strangers: list[Path] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gallery(self) -> Any:
        return self.service.gallery

    def start(self) -> None:
        """Begin to answer, at the same port as before."""
        import uvicorn

        settings = Settings(self.run, port=self.port, keep_days=self.keep_days)
        self.service = Service(Recognizer.load(self.run), settings)
        place = socket.create_server(("127.0.0.1", self.port))
        self.port = place.getsockname()[1]
        app = create_app(self.service, self.keys)
        # A browser may hold a connection for ever, from which nobody reads any more.
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=10)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [place]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()
        for each in self._server.server_state.connections:  # met while it was closing
            # With a process, the system closes them; here a browser would wait for an answer.
            each.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def _served(invented: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = tmp_path_factory.mktemp("served") / "run"
    shutil.copytree(invented / "run", run)
    server = Served(run)
    server.start()
    server.photos, server.strangers = _clear_ones(invented, server.service.recognizer)
    yield server
    server.stop()


@pytest.fixture
def served(_served: Served, invented: Path) -> Served:
    """One server for all tests of a module, whose people are in each those who were trained."""
    shutil.copy(invented / "run" / "recognizer" / GALLERY, _served.gallery.path)
    _served.service.recognizer.follow()
    return _served


def _clear_ones(invented: Path, recognizer: Recognizer) -> tuple[dict[str, list[Path]], list[Path]]:
    """Photos of one face each that the small network is right about, the surest first."""
    named: dict[str, list[tuple[float, Path]]] = {}
    for path in sorted(invented.glob("*/*/*.jpg")):
        faces = recognizer.recognize(path).faces
        wanted = path.parent.name if path.parts[-3] == "people" else None
        if len(faces) == 1 and faces[0].name == wanted and faces[0].reason in (None, "unknown"):
            named.setdefault(wanted or "", []).append((-abs(faces[0].similarity), path))
    clear = {name: [path for _, path in sorted(found)] for name, found in sorted(named.items())}
    strangers = clear.pop("")
    return clear, strangers


@pytest.fixture(scope="module")  # Playwright's loop must not run in the tests of other modules
def browser(invented: Path) -> Iterator[Any]:
    """Chromium, whose camera sees the first photo of the first of the invented people."""
    if not CHROMIUM:
        pytest.skip("no browser: install Debian's chromium to test the page in it")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    film = invented / "film.y4m"
    film.write_bytes(_film(min((invented / "people").glob("*/*.jpg"))))
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        yield chromium
        chromium.close()


def _film(photo: Path) -> bytes:
    """A photo as a film of one picture, as Chromium's camera of tests takes it."""
    picture = Image.open(photo).convert("RGB")
    picture = picture.crop((0, 0, picture.width & ~1, picture.height & ~1))
    planes = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2YUV_I420)
    head = f"YUV4MPEG2 W{picture.width} H{picture.height} F10:1 Ip A1:1\nFRAME\n"
    return head.encode() + planes.tobytes()


@pytest.fixture
def together(served: Served, tmp_path: Path) -> Path:
    """One photo with three of the invented people side by side, by name from left to right."""
    pictures = [Image.open(photos[0]) for photos in list(served.photos.values())[:3]]
    photo = Image.new("RGB", (3 * pictures[0].width, pictures[0].height))
    for i, picture in enumerate(pictures):
        photo.paste(picture, (i * picture.width, 0))
    path = tmp_path / "together.jpg"
    photo.save(path, quality=95)
    return path
