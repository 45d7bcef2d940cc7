"""The guard over all tests: none of them fetches anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from no_network import Proxy


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
import numpy, onnxruntime, openvino
Mtcnn().find_faces(numpy.zeros((99, 99, 3), numpy.uint8))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "knownface"] == []
    assert not proxy.asked
