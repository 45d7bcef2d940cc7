"""Keys are hashed at rest, and what is no file of keys is said."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from knownface.errors import KnownfaceError
from knownface.server.keys import Keys, new_key


def test_a_new_key_works_and_cannot_be_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = {role: new_key(file, role) for role in ("recognise", "manage")}  # type: ignore[arg-type]
    found = Keys.load(file)
    for role, text in keys.items():
        key = found.find(text)
        assert key is not None
        assert key.role == role
        assert text not in file.read_text()
        assert text.split("-", 2)[2] not in file.read_text()
    assert found.find(keys["manage"][:-1]) is None
    assert found.find("") is None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not Keys.load(tmp_path / "none.json")


def test_a_key_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWNFACE_MANAGE_KEY", "k" * 32)
    key = Keys.load(tmp_path / "none").find("k" * 32)
    assert key is not None
    assert key.role == "manage"
    monkeypatch.setenv("KNOWNFACE_MANAGE_KEY", "short")
    with pytest.raises(KnownfaceError, match="KNOWNFACE_MANAGE_KEY: a key has at least 32"):
        Keys.load(tmp_path / "none")


@pytest.mark.parametrize("content", [
    "", "[]", "{}", '{"keys": [{"sha256": "00", "role": "manage"}]}', '{"keys": 3}',
    json.dumps({"keys": [{"sha256": "00" * 32, "role": "king"}]}),
])  # fmt: skip
def test_a_file_that_holds_no_keys(content: str, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(KnownfaceError, match="not a file of keys"):
        Keys.load(tmp_path / "keys.json")
