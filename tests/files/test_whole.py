"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from knownface.files.whole import whole_file


def test_a_file_appears_after_success_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as part:
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
