"""Names with control characters, markup, formulas and addresses in them do nothing to anybody."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from command_line import Done, knownface, knownface_process
from PIL import Image

from knownface.pages.page import render
from knownface.recognition.fonts import readable
from knownface.visible import visible

ESCAPE = "\x1b[31mRed\x1b]0;title\x07"
LINES = "Bob\nknownface: done\rAnn 0.99"
MARKUP = "[red]Ann[link=evil] :smile:"
TURNED = "Ann\u202egpj.exe"
FORMULA = '=HYPERLINK("http:..evil")'
NAMES = (ESCAPE, LINES, MARKUP, TURNED, FORMULA)
RAW = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
RUN = "javascript:alert(1) #?%"


@pytest.fixture(scope="module")
def named(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five people, under those names, and a photo of each under its person's name."""
    root = tmp_path_factory.mktemp("named") / f"people {MARKUP}\x1b[2J"
    for name, folder in zip(NAMES, sorted(people.iterdir()), strict=True):
        shutil.copytree(folder, root / name)
        min((root / name).iterdir()).rename(root / name / f"{name}.jpg")
    (root / ESCAPE / f"broken {LINES}.jpg").write_text("no photo")
    return root


@pytest.fixture(scope="module")
def trained(named: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    run = tmp_path_factory.mktemp("runs") / RUN
    done = knownface_process(
        "train", named, "--recipe", "frozen", "--backbone", "mini", "--out", run
    )
    return run, done


def harmless(done: Done) -> Done:
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, done.stderr):
        assert not RAW.search(text)
        assert not re.search(r"^(knownface: done|Ann 0\.99)", text, re.MULTILINE)
    return done


def test_what_is_shown() -> None:
    assert visible(ESCAPE) == r"\x1b[31mRed\x1b]0;title\x07"
    assert visible(LINES) == r"Bob\nknownface: done\rAnn 0.99"
    assert visible("\x9b\u2028\udce9\u2067") == r"\x9b\u2028\udce9\u2067"
    for name in (
        "Zoë",
        "王伟",
        "अनीता",
        "\u0645\u062d\u0645\u062f",
        "👩\u200d🚀",
        "a\u200cb",
        "~\\x1b",
    ):
        assert visible(name) == name
    assert readable(LINES) == visible(LINES)


def test_training_shows_names_as_they_are(trained: tuple[Path, Done]) -> None:
    run, done = trained
    harmless(done)
    assert r"broken Bob\nknownface: done\rAnn 0.99.jpg" in done.stderr + (
        run / "report.html"
    ).read_text(encoding="utf-8")
    people = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))["people"]
    assert sorted(people) == sorted(NAMES)


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_commands_show_names_as_they_are(
    option: tuple[str, ...], named: Path, trained: tuple[Path, Done], tmp_path: Path
) -> None:
    run, _ = trained
    bad = named / ESCAPE / f"broken {LINES}.jpg"
    good = [named / name / f"{name}.jpg" for name in NAMES]
    table, page = tmp_path / "faces.csv", tmp_path / f"page {MARKUP}.html"
    done = harmless(
        knownface("recognize", run, *good, bad, "--csv", table, "--out", tmp_path / "o", *option)
    )
    if option:
        photos = json.loads(done.stdout)["photos"]
        assert [photo["path"] for photo in photos] == [str(path) for path in (*good, bad)]
        assert {photo["faces"][0]["name"] for photo in photos[:5]} <= {None, *NAMES}
        assert len(done.stdout.splitlines()) == 1
    else:
        assert len(done.stdout.splitlines()) >= 5
        assert all(line.startswith(visible(str(named))) for line in done.stdout.splitlines())
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(table.read_text().splitlines()) == len(rows) + 1
    assert {row["name"] for row in rows} <= {"", f"'{FORMULA}", *map(visible, NAMES[:4])}
    assert f"'{FORMULA}" in {row["name"] for row in rows}
    document = harmless(knownface("check", named, "--backbone", "mini", "--out", page, *option))
    if option:
        problems = json.loads(document.stdout)["problems"]
        assert f"{ESCAPE}/broken {LINES}.jpg" in {problem["photo"] for problem in problems}
    assert not RAW.search(page.read_text(encoding="utf-8"))
    (new := tmp_path / "new" / ESCAPE).mkdir(parents=True)
    with Image.open(named / ESCAPE / f"{ESCAPE}.jpg") as photo:
        photo.crop((3, 3, *photo.size)).save(new / f"{MARKUP}.png")
    harmless(knownface("evaluate", run, new.parent, "--out", tmp_path / "e", *option))
    harmless(knownface("report", run, "--out", tmp_path / "report.html", *option))


def test_what_was_typed_wrongly_is_shown(tmp_path: Path) -> None:
    for arguments in (["train\x1b[31m"], ["train", "--\x1b[31m"], ["check", tmp_path / LINES],
                      ["backbones", "fetch", MARKUP]):  # fmt: skip
        done = knownface_process(*arguments)
        assert done.returncode == 2
        assert not RAW.search(done.stderr)
        assert not re.search(r"^(knownface: done|Ann)", done.stderr, re.MULTILINE)
    assert MARKUP in done.stderr


def test_a_terminal_of_few_letters(trained: tuple[Path, Done], named: Path) -> None:
    photo = named.parent / "王伟.jpg"
    shutil.copy(named / ESCAPE / f"{ESCAPE}.jpg", photo)
    for encoding in ("ascii", "cp1252"):
        done = knownface_process("recognize", trained[0], photo, PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        assert r"\u738b\u4f1f.jpg: " in done.stdout
        done = knownface_process("recognize", trained[0], photo, "--json", PYTHONIOENCODING="ascii")
        assert json.loads(done.stdout)["photos"][0]["path"] == str(photo)


def test_a_run_is_no_script(trained: tuple[Path, Done]) -> None:
    run, _ = trained
    page = run.parent / "report.html"
    harmless(knownface("report", run, "--out", page))
    links = re.findall(r'<a href="([^"#]+)"', page.read_text())
    assert [unquote(link) for link in links] == [f"{RUN}/report.html"]
    assert not re.search("[:?# ]", "".join(links))


def test_a_notebook_shows_names_as_they_are() -> None:
    from knownface.recognition.result import Recognition

    words = render("recognition.html.jinja", recognition=Recognition(ESCAPE, (), LINES), picture="")
    assert visible(ESCAPE) in words
    assert visible(LINES) in words
