"""What tests share: no network, the real photos, a few people, and one finished run."""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from no_network import Proxy

import knownface  # noqa: F401 - before any test imports a library that would report to its maker

SHARED = Path(os.environ.get("KNOWNFACE_SHARED", "../shared")).resolve()
PEOPLE = ("Adriana_Lima", "Hugh_Jackman", "Johnny_Depp", "Megan_Fox", "Tom_Cruise")
STRANGERS = ("Barack_Obama", "Emma_Stone", "Keanu_Reeves", "Morgan_Freeman", "Rihanna")


@pytest.fixture(scope="session")
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session", autouse=True)
def surroundings(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a test does reaches the user's cache or the network, or depends on them.

    The commands that tests start inherit it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("KNOWNFACE_WEIGHTS", str(SHARED / "weights"))
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        for scheme in ("http", "https", "all"):
            patch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{proxy.server_port}")
            patch.delenv(f"{scheme.upper()}_PROXY", raising=False)
        yield


@pytest.fixture(autouse=True)
def no_download(proxy: Proxy) -> Iterator[None]:
    """Whoever asks the network for anything fails, even where its code could do without."""
    yield
    asked, proxy.asked = proxy.asked, []
    assert not asked, f"tests must not need the network, and this one asked for {asked}"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what happens without a network: nobody listens there."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


@pytest.fixture
def three_threads() -> Iterator[None]:
    """So many OpenCV has before a test; the number from before afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and weights; without it a test is skipped, in CI it fails."""
    if not (SHARED / "data").is_dir():
        message = "real photos and weights are not here (KNOWNFACE_SHARED names their folder)"
        if os.environ.get("KNOWNFACE_REQUIRE_SHARED"):
            pytest.fail(f"{message}: {SHARED}/data")
        pytest.skip(message)
    return SHARED


@pytest.fixture(scope="session")
def people(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people with ten photos each."""
    return _copy(shared / "data" / "people", PEOPLE, 10, tmp_path_factory.mktemp("few") / "people")


@pytest.fixture(scope="session")
def strangers(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five other people with four photos each."""
    target = tmp_path_factory.mktemp("few") / "strangers"
    return _copy(shared / "data" / "strangers", STRANGERS, 4, target)


@pytest.fixture(scope="session")
def run_folder(people: Path, strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of recipe `frozen` on those people; not to be changed."""
    from knownface.training.train import train

    out = tmp_path_factory.mktemp("runs") / "frozen"
    return train(people, out=out, recipe="frozen", strangers=str(strangers)).folder


def _copy(source: Path, names: tuple[str, ...], photos: int, target: Path) -> Path:
    for name in names:
        (target / name).mkdir(parents=True)
        for photo in sorted((source / name).iterdir())[:photos]:
            shutil.copy(photo, target / name)
    return target


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were skipped, by reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:4} {reason}")
