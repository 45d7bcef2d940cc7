"""The guard over all tests: none of them fetches anything."""

from __future__ import annotations

import subprocess
import sys

from no_network import Proxy


def test_what_a_command_asks_the_network_for_is_noticed(proxy: Proxy) -> None:
    code = "import urllib.request as u; u.urlopen('https://weights.example.invalid/face.onnx')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "503" in done.stderr
    assert proxy.asked == ["weights.example.invalid:443"]
    proxy.asked.clear()
