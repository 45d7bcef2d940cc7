"""The guard over all tests: none of them fetches anything."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from no_network import Proxy

from knownface.cli.commands import VERBS

Arguments = list[str]


def test_what_a_command_asks_the_network_for_is_noticed(proxy: Proxy) -> None:
    code = "import urllib.request as u; u.urlopen('https://weights.example.invalid/face.onnx')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "503" in done.stderr
    assert proxy.asked == ["weights.example.invalid:443"]
    proxy.asked.clear()


def test_no_library_reports_what_is_done_with_it(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime would write an identity of the machine at once, and send it some time later."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = """
from knownface.faces.detectors.mtcnn import Mtcnn
from knownface.faces.picture import Picture
import numpy, onnxruntime, openvino
Mtcnn().find_faces(Picture.of(numpy.zeros((99, 99, 3), numpy.uint8)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "knownface"] == []
    assert not proxy.asked


@pytest.fixture(scope="module")
def commands(
    run_folder: Path,
    people: Path,
    strangers: Path,
    shared: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Arguments]:
    """Every command at its work; what is written goes below a folder of its own, in `{out}`."""
    folder = tmp_path_factory.mktemp("commands")
    lfw = shared / "data" / "lfw_view1"
    lines = (lfw / "pairsDevTest.txt").read_text().splitlines()
    (folder / "pairs.txt").write_text("\n".join(["4", *lines[1:5], *lines[-4:]]))
    few = folder / "people"
    for name in ("Megan_Fox", "Tom_Cruise"):
        (few / name).mkdir(parents=True)
        for photo in sorted((people / name).iterdir())[:4]:
            shutil.copy(photo, few / name)
    unseen = folder / "unseen"
    (unseen / "Megan_Fox").mkdir(parents=True)
    last = sorted((shared / "data" / "people" / "Megan_Fox").iterdir())[-1]
    shutil.copy(last, unseen / "Megan_Fox")
    photos = sorted((few / "Megan_Fox").iterdir())
    frozen = ["--recipe", "frozen", "--backbone", "mini"]
    living = shutil.copytree(run_folder, folder / "living")
    rihanna = sorted((strangers / "Rihanna").iterdir())
    given = {
        "train": [few, "--strangers", strangers, *frozen, "--out", "{out}/run"],
        "compare": [few, "--backbones", "mini", "--recipes", "frozen", "--out", "{out}/compared"],
        "check": [few, "--out", "{out}/check.html", "--fix", "{out}/cleaned"],
        "evaluate": [run_folder, unseen, "--out", "{out}/evaluated"],
        "report": [run_folder, "--out", "{out}/report.html"],
        "recognize": [run_folder, photos[0], "--out", "{out}/drawn", "--csv", "{out}/faces.csv",
                      "--albums", "{out}/albums"],
        "group": [few, "--out", "{out}/sorted", "--backbone", "mini"],
        "enroll": [living, "Rihanna", *rihanna[:2]],
        "people": ["rename", living, "Rihanna", "Robyn"],
        "correct": [living, rihanna[2], "--is", "Robyn"],
        "never-same": [living, "Robyn", "Megan_Fox"],
        "undo": [living],
        "history": [living],
        "backup": [living, "{out}/people.backup"],
        "restore": [living, "{out}/people.backup"],
        "share": [living],
        "import": ["folders", few, living],
        "forget": [living, "Robyn"],
        "serve": [living, "--new-key", "manage"],
        "export": [run_folder, "--format", "openvino", "--out", "{out}/export", "--precision",
                   "int8" if find_spec("nncf") else "fp16"],
        "index": [few, "--out", "{out}/index"],
        "search": ["{out}/index", photos[0]],
        "verify": photos[:2],
        "benchmark": ["--pairs", folder / "pairs.txt", "--images", lfw / "images"],
        "demo": ["{out}/demo", "--people", "2", "--photos", "2", "--strangers", "1"],
        "backbones": [],
    }  # fmt: skip
    return {verb: [verb, *map(str, arguments)] for verb, arguments in given.items()}


RUN = """
import json, os, socket, sys, threading
from no_network import Proxy
def reach(host):
    try:
        socket.create_connection((host, 9), 1)
    except OSError as error:
        return error.errno
proxy = Proxy()
threading.Thread(target=proxy.serve_forever, daemon=True).start()
for scheme in ("http", "https", "all"):
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
        os.environ[name] = f"http://127.0.0.1:{proxy.server_port}"
from knownface.cli import main
codes = {}
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["knownface", *arguments, "--quiet"]
    try:
        main()
    except SystemExit as end:
        codes[arguments[0]] = [end.code or 0, proxy.asked]
    proxy.asked = []
print(json.dumps([reach("192.0.2.1"), codes]))
"""
CUT_OFF = [
    "unshare",
    "--net",
    "--map-root-user",
    "sh",
    "-c",
    'ip link set lo up && exec "$@"',
    "sh",
]


@pytest.fixture(scope="module")
def cut_off() -> bool:
    """Whether commands can be run in a network namespace of their own, where only we listen."""
    return bool(shutil.which("unshare")) and not subprocess.run([*CUT_OFF, "true"]).returncode


@pytest.fixture(scope="module")
def done(
    commands: dict[str, Arguments], cut_off: bool, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int | None, dict[str, tuple[int, list[str]]]]:
    """All commands, one after another: whether there was a network, exit codes, what was asked."""
    out = tmp_path_factory.mktemp("out")
    asked = [[argument.format(out=out) for argument in each] for each in commands.values()]
    command = [*(CUT_OFF if cut_off else []), sys.executable, "-c", RUN, json.dumps(asked)]
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    ran = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert ran.returncode == 0, ran.stderr
    reached, codes = json.loads(ran.stdout.splitlines()[-1])
    return reached, codes


@pytest.mark.parametrize("verb", VERBS)
def test_no_command_asks_the_network(
    verb: str, done: tuple[int | None, dict[str, tuple[int, list[str]]]]
) -> None:
    assert done[1][verb] == [0, []]


def test_every_command_works_without_a_network(
    cut_off: bool, done: tuple[int | None, dict[str, tuple[int, list[str]]]]
) -> None:
    if not cut_off:
        pytest.skip("no network namespace: unshare is not here, or not permitted")
    reached, codes = done
    assert reached == errno.ENETUNREACH
    assert {code for code, _ in codes.values()} == {0}
