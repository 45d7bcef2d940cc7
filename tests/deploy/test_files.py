"""The files for deploying: pinned as tested, closed as promised."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from knownface.cli.commands import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SERVING = r"--(?:host|port|keys|keep|new|cert|max|webhook|mqtt|log)[\w-]*"  # options of serve
ELSEWHERE = {"keras", "tensorflow", "tensorflow-cpu", "h5py", "pyarrow"}  # what no image holds


def pins(*files: Path) -> dict[str, str]:
    lines = [line.partition(";")[0] for file in files for line in file.read_text().splitlines()]
    found = [re.fullmatch(r"([\w.-]+)==(\S+?)\s*", line) for line in lines]
    return {re.sub(r"[-_.]+", "-", each[1]).lower(): each[2] for each in found if each}


def names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[\w.-]+", each) for each in requirements)
    return {re.sub(r"[-_.]+", "-", each[0]).lower() for each in found if each}


def test_the_image_has_the_versions_that_were_tested() -> None:
    image = pins(DEPLOY / "constraints.txt")
    tested = pins(ROOT / "requirements.txt", ROOT / "requirements-serve.txt")
    assert {name: image.get(name) for name in tested.keys() - ELSEWHERE} == {
        name: version for name, version in tested.items() if name not in ELSEWHERE
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = names([*project["dependencies"], *project["optional-dependencies"]["serve"]])
    assert needed <= image.keys()
    assert not image.keys() & ELSEWHERE


def test_the_image_runs_as_nobody_and_needs_no_compiler() -> None:
    lines = (DEPLOY / "Dockerfile").read_text()
    user = re.findall(r"^USER (\S+)$", lines, re.MULTILINE)
    assert user == ["10001:10001"]
    assert "HEALTHCHECK" in lines
    assert "/healthz" in lines
    assert "--only-binary=:all:" in lines
    assert not re.search(r"apt-get|gcc|curl |ADD ", lines)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE)
    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert f"!{path}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_compose_file_leaves_nothing_open() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for line in (
        "read_only: true", "cap_drop: [ALL]", "- no-new-privileges:true", '- "127.0.0.1:8000:8000"',
    ):  # fmt: skip
        assert line in text
    assert "privileged:" not in text.replace("no-new-privileges:", "")
    assert "docker.sock" not in text


def test_the_unit_is_closed_and_known_to_systemd() -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not here")
    unit = DEPLOY / "knownface.service"
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    odd = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert not odd
    command = [analyze, "security", "--offline=true", "--threshold=20", unit]  # 2.0 of 10
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("file", [
    "docs/serving.md", "docs/templates/retention-policy.md", "deploy/Dockerfile",
    "deploy/compose.yaml", "deploy/knownface.service", "deploy/Caddyfile", "deploy/nginx.conf",
])  # fmt: skip
def test_options_that_are_written_down_exist(file: str) -> None:
    pytest.importorskip("knownface.server.settings")
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "300"}).output
    written = re.findall(SERVING, (ROOT / file).read_text())
    assert written
    assert {*written} <= {*re.findall(r"--[\w-]+", shown)}


@pytest.mark.parametrize("file", ["Caddyfile", "nginx.conf"])
def test_proxies_ask_the_server_on_loopback(file: str) -> None:
    text = (DEPLOY / file).read_text()
    assert "127.0.0.1:8000" in text
    assert "--host-names faces.example.org" in text
