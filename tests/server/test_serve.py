"""The verb in a process: starting, refusing to, and ending with everything answered."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import knownface as shell
from command_line import refused

import knownface
from knownface.server.serve import keys_file
from knownface.server.settings import Settings


@contextmanager
def served(run: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, without Keras, and its address."""
    code = """
import sys
for name in ("keras", "tensorflow", "mtcnn"):
    sys.modules[name] = None
from knownface.cli import main
main()
"""
    command = [sys.executable, "-c", code, "serve", str(run), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield process, found[0]
                break
    finally:
        process.kill()
        process.wait()


def ask(address: str, photo: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(address, photo, {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_end_it_answers_what_is_in_flight(
    run: Path, photo: bytes, sign: signal.Signals, code: int
) -> None:
    with served(run) as (process, address), ThreadPoolExecutor(32) as pool:
        assert ask(f"{address}/readyz")[0] == 200
        asked = [pool.submit(ask, f"{address}/v1/recognize", photo) for _ in range(32)]
        while not any(each.done() for each in asked):
            time.sleep(0.002)
        process.send_signal(sign)
        statuses = []
        for each in asked:
            try:
                statuses.append(each.result()[0])
            except (urllib.error.URLError, ConnectionError):
                statuses.append(0)  # it came when nobody listened any more
        assert process.wait(30) == code
        assert statuses.count(200) >= 1
        assert set(statuses) <= {200, 503, 0}
        said = process.stderr.read() if process.stderr else ""
        assert '"Ending' in said or "Ending" in said
        assert "Tom_Cruise" not in said
        assert "Traceback" not in said


def test_another_address_needs_a_key(run: Path) -> None:
    refused(shell("serve", run, "--host", "0.0.0.0"), "--host 0.0.0.0", "--new-key manage")


def test_a_key_is_shown_once(run: Path) -> None:
    done = shell("serve", run, "--new-key", "manage", "--json")
    made = json.loads(done.stdout)
    assert made["role"] == "manage"
    assert made["key"] not in keys_file(Settings(run)).read_text()
    assert shell("serve", run, "--new-key", "recognise", "-q").stdout.startswith("knownface-")
    refused(shell("serve", run, "--new-key", "king"), "--new-key", "recognise or manage")


def test_a_port_that_is_taken_and_a_folder_that_is_none(run: Path, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
        refused(shell("serve", run, "--port", port), f"127.0.0.1:{port}", "--port")
    refused(shell("serve", tmp_path), "recognizer.json")
    refused(shell("serve", run, "--certificate", "a.pem"), "--certificate-key")
    refused(shell("serve", run, "--port", "70000"), "--port")
    pair = ("--certificate", tmp_path / "none.pem", "--certificate-key", tmp_path / "none.pem")
    refused(shell("serve", run, *pair), "none.pem", "No such file")
    with pytest.raises(knownface.KnownfaceError, match="keep_days must be"):
        knownface.serve(run, keep_days=-1)
