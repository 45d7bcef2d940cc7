"""What the server's tests share: a run of its own to change, a service on it, and a client."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from knownface.recognition.recognizer import Recognizer
from knownface.server.app import create_app
from knownface.server.keys import Keys
from knownface.server.service import Service
from knownface.server.settings import Settings

Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def loaded(run_folder: Path) -> Recognizer:
    """The network, loaded once; not to be changed."""
    return Recognizer.load(run_folder)


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    """A run that may be changed."""
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture
def start(run: Path, loaded: Recognizer) -> Iterator[Start]:
    """Starts a server on `run` with some settings and keys; gives a client of it."""
    clients: list[TestClient] = []

    def begin(keys: Keys | None = None, **settings: Any) -> TestClient:
        own = Recognizer.load(run)
        own.embedder, own._cropper = loaded.embedder, loaded.cropper()  # the same, loaded already
        app = create_app(Service(own, Settings(run, **settings)), keys)
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield begin
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()


@pytest.fixture
def photo(people: Path) -> bytes:
    """An enrolled photo of Tom_Cruise."""
    return (people / "Tom_Cruise" / "001.jpg").read_bytes()


@pytest.fixture
def stranger(shared: Path) -> list[bytes]:
    """Photos of somebody whom the run has never seen, not even as a stranger."""
    folder = shared / "data" / "people" / "Zac_Efron"
    return [each.read_bytes() for each in sorted(folder.iterdir())[:4]]
