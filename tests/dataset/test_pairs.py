"""Published pair lists as they are laid out, and every way in which a line can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knownface.dataset.pairs import Pairs, read_pairs
from knownface.errors import KnownfaceError


def written(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def shown(pairs: Pairs, root: Path) -> list[tuple[str, str, bool, int]]:
    names = [path.relative_to(root).as_posix() for path in pairs.paths]
    columns = pairs.left, pairs.right, pairs.same, pairs.folds
    return [
        (names[left], names[right], bool(same), int(fold))
        for left, right, same, fold in zip(*columns, strict=True)
    ]


# ---------------------------------------------------------------- LFW, MFR2
def test_lfw_view_2_has_its_own_folds(tmp_path: Path) -> None:
    lines = ["2\t1", "Ann Lee\t1\t12", "Ann Lee\t1\tBo\t2", "Bo\t2\t3", "Bo\t1\tCy\t4"]
    pairs = read_pairs(written(tmp_path / "pairs.txt", *lines), tmp_path)
    assert shown(pairs, tmp_path) == [
        ("Ann Lee/Ann Lee_0001.jpg", "Ann Lee/Ann Lee_0012.jpg", True, 0),
        ("Ann Lee/Ann Lee_0001.jpg", "Bo/Bo_0002.jpg", False, 0),
        ("Bo/Bo_0002.jpg", "Bo/Bo_0003.jpg", True, 1),
        ("Bo/Bo_0001.jpg", "Cy/Cy_0004.jpg", False, 1),
    ]
    assert len(pairs.paths) == len(set(pairs.paths)) == 6


def test_lfw_view_1_is_dealt_out_in_turn(tmp_path: Path) -> None:
    lines = ["25", *(f"A\t1\t{i + 2}" for i in range(25)), *(f"A\t1\tB\t{i}" for i in range(25))]
    pairs = read_pairs(written(tmp_path / "pairs.txt", *lines), tmp_path)
    for kind in (True, False):
        assert sorted(np.bincount(pairs.folds[pairs.same == kind])) == [2] * 5 + [3] * 5


def test_mfr2_has_spaces_png_files_and_no_first_line(tmp_path: Path) -> None:
    photo(tmp_path / "AnnLee" / "AnnLee_0001.png")
    photo(tmp_path / "AnnLee" / "AnnLee_0002.png")
    photo(tmp_path / "Bo" / "Bo_0001.png")
    lines = ["AnnLee 1 2", "", "AnnLee 2 Bo 1"]
    pairs = read_pairs(written(tmp_path / "pairs.txt", *lines), tmp_path)
    assert shown(pairs, tmp_path) == [
        ("AnnLee/AnnLee_0001.png", "AnnLee/AnnLee_0002.png", True, 0),
        ("AnnLee/AnnLee_0002.png", "Bo/Bo_0001.png", False, 0),
    ]


def test_the_development_view_of_lfw(shared: Path) -> None:
    root = shared / "data" / "lfw_view1"
    pairs = read_pairs(root / "pairsDevTest.txt", root / "images")
    assert len(pairs.same) == 1000
    assert pairs.same.sum() == 500
    assert all(path.is_file() for path in pairs.paths)


@pytest.mark.parametrize(
    ("lines", "number", "found"),
    [
        (["Ann 1"], 1, "Ann 1"),
        (["10", "Ann\t1\t2", "", "Ann 1 2 3 4"], 4, "Ann 1 2 3 4"),
        (["10 300", "Ann\tone\t2"], 2, "Ann\tone\t2"),
        (["Ann 1 2", "Ann 1 Bo x"], 2, "Ann 1 Bo x"),
        (["Ann,1,2"], 1, "Ann,1,2"),
        (["Ann 1 ²"], 1, "Ann 1 ²"),
        (["10 ²", "Ann 1 2"], 1, "10 ²"),
        (["Ann \uff11 2"], 1, "Ann \uff11 2"),  # a wide 1
        (["Ann -1 2"], 1, "Ann -1 2"),
    ],
)
def test_a_malformed_line_is_named(
    tmp_path: Path, lines: list[str], number: int, found: str
) -> None:
    file = written(tmp_path / "pairs.txt", *lines)
    with pytest.raises(KnownfaceError) as error:
        read_pairs(file, tmp_path)
    assert str(error.value) == (
        f"{file}, line {number}: expected 'name i j' or 'name i other j', not '{found}'"
    )


def test_nothing_to_read(tmp_path: Path) -> None:
    for lines in ([""], ["10 300"]):
        with pytest.raises(KnownfaceError, match="no pairs in it"):
            read_pairs(written(tmp_path / "pairs.txt", *lines), tmp_path)
    with pytest.raises(KnownfaceError, match="not a readable pair list"):
        read_pairs(tmp_path / "missing.txt", tmp_path)
    (tmp_path / "photo.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(KnownfaceError, match="not a readable pair list"):
        read_pairs(tmp_path / "photo.txt", tmp_path)


# ---------------------------------------------------------------- CFP
@pytest.fixture
def cfp(tmp_path: Path) -> Path:
    """The official layout with two people, two folds, and one pair of each kind in a fold."""
    protocol = tmp_path / "cfp-dataset" / "Protocol"
    for kind, folder, count in (("F", "frontal", 3), ("P", "profile", 2)):
        paths = [f"{p:03d}/{folder}/{i + 1:02d}.jpg" for p in (1, 2) for i in range(count)]
        lines = [f"{i} ../Data/Images/{path}" for i, path in enumerate(paths, 1)]
        written(protocol / f"Pair_list_{kind}.txt", *lines)
        for path in paths:
            photo(tmp_path / "cfp-dataset" / "Data" / "Images" / path)
    for protocol_name, same, diff in (("FF", "1,2", "1,4"), ("FP", "1,2", "4,1")):
        for fold in ("01", "02"):
            written(protocol / "Split" / protocol_name / fold / "same.txt", same)
            written(protocol / "Split" / protocol_name / fold / "diff.txt", diff)
    return tmp_path / "cfp-dataset"


@pytest.mark.parametrize("images", [".", "Data", "Data/Images"])
def test_cfp_by_index(cfp: Path, images: str) -> None:
    root = cfp / "Data" / "Images"
    frontal = read_pairs(cfp / "Protocol" / "Split" / "FF", cfp / images)
    assert shown(frontal, root) == [
        ("001/frontal/01.jpg", "001/frontal/02.jpg", True, 0),
        ("001/frontal/01.jpg", "002/frontal/01.jpg", False, 0),
        ("001/frontal/01.jpg", "001/frontal/02.jpg", True, 1),
        ("001/frontal/01.jpg", "002/frontal/01.jpg", False, 1),
    ]
    profile = read_pairs(cfp / "Protocol" / "Split" / "FP", cfp / images)
    assert shown(profile, root)[:2] == [
        ("001/frontal/01.jpg", "001/profile/02.jpg", True, 0),
        ("002/frontal/01.jpg", "001/profile/01.jpg", False, 0),
    ]


@pytest.mark.parametrize("line", ["1", "1,2,3", "1;2", "1,99", "0,1", "one,two"])
def test_a_malformed_line_of_cfp_is_named(cfp: Path, line: str) -> None:
    file = written(cfp / "Protocol" / "Split" / "FP" / "02" / "diff.txt", "1,2", line)
    with pytest.raises(KnownfaceError) as error:
        read_pairs(cfp / "Protocol" / "Split" / "FP", cfp)
    assert f"{file}, line 2: expected two numbers" in str(error.value)
    assert str(error.value).endswith(f"not '{line}'")


def test_an_incomplete_cfp(cfp: Path) -> None:
    with pytest.raises(KnownfaceError, match=r"no folds in it; expected CFP's Protocol/Split/FF"):
        read_pairs(cfp / "Protocol" / "Split", cfp)
    (cfp / "Protocol" / "Pair_list_P.txt").unlink()
    with pytest.raises(KnownfaceError, match=r"Pair_list_P.txt: not a readable"):
        read_pairs(cfp / "Protocol" / "Split" / "FP", cfp)
    written(cfp / "Protocol" / "Pair_list_F.txt", "1 ../Data/Images/001/frontal/01.jpg", "02.jpg")
    with pytest.raises(KnownfaceError, match=r"Pair_list_F.txt, line 2: expected a number"):
        read_pairs(cfp / "Protocol" / "Split" / "FF", cfp)


def test_cfp_from_inside_its_folder(cfp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cfp / "Protocol" / "Split")
    assert len(read_pairs(Path("FP"), cfp).same) == 4
