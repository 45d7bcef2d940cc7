"""A few hundred of the broken uploads that the tool sends; it is run with 10,000 by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fuzz_server
import pytest


def test_broken_uploads(
    run_folder: Path, people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    photo = people / "Tom_Cruise" / "001.jpg"
    arguments = ["fuzz", str(run_folder), str(photo), "--number", "200"]
    monkeypatch.setattr(sys, "argv", arguments)
    code = fuzz_server.main()
    said = json.loads(capsys.readouterr().out)
    assert code == 0, said
    assert said["answers"].keys() <= {
        "200",
        "303",
        "400",
        "408",
        "413",
        "415",
        "422",
        "503",
        "closed",
    }
    assert said["answers"]["422"] > 10
