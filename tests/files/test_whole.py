"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from knownface.files.runs import write_json
from knownface.files.whole import whole_file


def test_a_file_appears_after_success_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.weights.txt"
    with whole_file(path) as part:
        assert part.name.startswith(f".{path.name}.")
        assert part.suffixes[-2:] == path.suffixes  # some libraries write by them
        part.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def cut_off() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_json_is_whole_and_has_no_number_that_json_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "new" / "document.json"
    write_json(path, {"name": "Zoë", "far": 0.01})
    first = path.read_text(encoding="utf-8")
    assert first == '{\n  "name": "Zoë",\n  "far": 0.01\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"far": float("nan")})
    with pytest.raises(TypeError):
        write_json(path, {"far": path})
    assert path.read_text(encoding="utf-8") == first
    assert list(path.parent.iterdir()) == [path]
