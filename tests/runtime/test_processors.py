import os
import subprocess
import sys
from pathlib import Path

import pytest

from knownface.runtime import processors as module
from knownface.runtime.processors import processors


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Control groups in which this process is in /services/ours, and which limit nothing."""
    own = tmp_path / "own"
    own.write_text("1:cpu:/elsewhere\n0::/services/ours\n")
    folder = tmp_path / "groups"
    (folder / "services" / "ours").mkdir(parents=True)
    (folder / "services" / "ours" / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(module, "OWN", own)
    monkeypatch.setattr(module, "GROUPS", folder)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    return folder


def test_without_a_limit_all_that_it_is_bound_to(groups: Path) -> None:
    assert processors() == 16


@pytest.mark.parametrize(
    ("limit", "count"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("9900000 100000", 16)],
)
def test_no_more_than_a_container_gets_the_time_of(groups: Path, limit: str, count: int) -> None:
    (groups / "services" / "ours" / "cpu.max").write_text(f"{limit}\n")
    assert processors() == count


def test_a_limit_of_a_group_around_it_counts(groups: Path) -> None:
    (groups / "services" / "ours" / "cpu.max").write_text("800000 100000\n")
    (groups / "services" / "cpu.max").write_text("300000 100000\n")
    assert processors() == 3


@pytest.mark.parametrize("content", ["", "many 100000", "200000", "200000 0"])
def test_what_is_no_limit_limits_nothing(groups: Path, content: str) -> None:
    (groups / "services" / "ours" / "cpu.max").write_text(content)
    assert processors() == 16


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_group_may_have_any_name(groups: Path) -> None:
    name = b"caf\xe9"  # in Latin-1
    module.OWN.write_bytes(b"0::/" + name + b"\n")
    (groups / os.fsdecode(name)).mkdir()
    (groups / os.fsdecode(name) / "cpu.max").write_text("300000 100000\n")
    assert processors() == 3


def test_without_control_groups(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWN", groups / "nowhere")
    assert processors() == 16


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are not bound here")
def test_a_process_that_is_bound_to_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from knownface.runtime.processors import processors; print(processors())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
