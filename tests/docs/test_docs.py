"""The pages are true: commands and programs run, options exist, links lead somewhere.

What stands in a block `sh` or `python` is run, page by page, in a folder with a few invented people
and a finished run. `<!-- not run: why -->` before a block excuses it; its options have to exist all
the same. Only knownface itself is needed, neither MkDocs nor a network.
"""

from __future__ import annotations

import functools
import glob
import re
import runpy
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest
import site_pages
import typer
from command_line import knownface as command_line

import knownface
from knownface.cli import commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"sh", "python", "text", "yaml", "csv", "json"}
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]*?) ?-->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
CODE = re.compile(r"`(knownface [^`]+)`")
# Every excuse, and how many blocks have it: whoever hides a block says it here, too.
NOT_RUN = Counter({
    "installs packages": 3,
    "installs packages; the tutorial runs the second line": 1,
    "installs packages, and a server goes on until it is ended": 1,
    "a server goes on until it is ended": 1,
    "sets everything up, and is what CI does": 1,
    "needs a camera": 2,
    "needs a GPU": 2,
    "needs Docker": 1,
    "needs a Milvus server": 1,
    "needs JAX": 1,
    "needs several hosts": 3,
    "needs the rights of root, and systemd": 1,
    "needs a CompreFace server and Frigate's folder": 2,
    "needs the network": 1,
    "needs a collection of photos": 1,
    "needs what only training needs": 1,
    "trains for minutes": 1,
})  # fmt: skip
# What a page's plain commands take in a test, so that nothing is fetched or trained for minutes.
QUICK = {
    "DOCS_TRAIN_BACKBONE": "mini", "DOCS_TRAIN_RECIPE": "frozen", "DOCS_CHECK_BACKBONE": "mini",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    why: str | None  # it is not run

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """A shell block's words line by line, without comments, lines that go on put together."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text[: m.start()].count("\n") + 1, m["language"], m["text"], m["why"])
        for m in BLOCK.finditer(text)
    ]
    assert 2 * len(found) == len(re.findall(r"^```", text, re.M)), f"{page}: a block is not closed"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SHELL = [block for block in BLOCKS if block.language == "sh"]
RUNNING = [b for b in BLOCKS if b.why is None and b.language in ("sh", "python")]
RUN = [page for page in PAGES if any(block.page == page for block in RUNNING)]


def test_every_block_says_what_it_is() -> None:
    odd = [block.place for block in BLOCKS if block.language not in LANGUAGES]
    assert not odd, f"a block needs a language, of {sorted(LANGUAGES)}"
    excused = Counter(block.why for block in BLOCKS if block.why is not None)
    assert excused == NOT_RUN, "each excuse stands in NOT_RUN, with how many blocks have it"
    assert not [b.place for b in BLOCKS if b.why is not None and b.language not in ("sh", "python")]


# ---------------------------------------------------------------- what need not run is parsed
def parsed(arguments: list[str]) -> None:
    """Refuses arguments that the command line would refuse before it does anything."""
    command: Any = typer.main.get_command(commands.app)
    context = command.make_context("knownface", list(arguments))
    while hasattr(command, "resolve_command") and context._protected_args + context.args:
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("block", SHELL, ids=lambda b: b.place)
def test_options_exist(block: Block) -> None:
    for words in block.commands():
        called = [i for i, word in enumerate(words) if Path(word).name == "knownface"]
        verbs = [i + 1 for i in called if words[i + 1 : i + 2] and words[i + 1] in commands.VERBS]
        assert verbs or words[0] != "knownface", f"{block.place}: no verb in {shlex.join(words)}"
        for i in verbs:
            parsed(words[i:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_in_sentences_exist(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    shown = site_pages.generated()["reference/cli.md"]
    for code in CODE.findall(text):
        verb, *words = code.replace("\\|", "|").split()[1:]
        if verb in ("VERB", "--help"):
            continue
        assert verb in commands.VERBS, f"{page.name}: {code}"
        part = shown.split(f"\n## {verb} ")[1].split("\n## ")[0] + " --json --quiet"
        for option in re.findall(r"--[a-z][\w-]*", " ".join(words)):
            assert re.search(rf"{option}(?![\w-])", part), f"{page.name}: {code}: no {option}"


def test_programs_that_are_not_run_are_python() -> None:
    for block in BLOCKS:
        if block.language == "python":
            compile(block.text, block.place, "exec")


# ---------------------------------------------------------------- what runs
@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every page begins with: people, strangers, photos, a clip and a run."""
    folder = tmp_path_factory.mktemp("docs") / "prepared"
    names = ["Ann", "Anna", "Bob", "Kim"]
    knownface.demo(folder / "invented", people=4, photos=8, strangers=5, seed=3)
    shutil.move(folder / "invented" / "strangers", folder / "strangers")
    albums = sorted((folder / "invented" / "people").iterdir())
    for name, album in zip(names, albums, strict=True):
        photos = sorted(album.iterdir())
        places = [(folder / "data" / name, photos[:6]), (folder / "unseen" / name, photos[6:])]
        for place, some in places:
            place.mkdir(parents=True)
            for photo in some:
                shutil.copy(photo, place)
    shutil.rmtree(folder / "invented")
    shutil.move(folder / "data" / "Kim", folder / "kim")
    shutil.rmtree(folder / "unseen" / "Kim")
    shutil.copytree(folder / "unseen", folder / "photos")
    photos = sorted((folder / "unseen" / "Bob").iterdir())
    shutil.copy(photos[0], folder / "party.jpg")
    shutil.copy(sorted((folder / "unseen" / "Ann").iterdir())[0], folder / "photo.jpg")
    shutil.copy(sorted((folder / "strangers").rglob("*.jpg"))[0], folder / "poster.jpg")
    write_clip(folder / "clip.mp4", photos)
    (folder / "groups.csv").write_text("person,age\nAnn,30-39\nAnna,30-39\nBob,60+\n")
    return folder


def write_clip(path: Path, photos: list[Path]) -> None:
    """Two seconds of a person, who stands still."""
    import av

    with av.open(str(path), "w") as clip:
        stream = clip.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 320, "yuv420p"
        for i in range(20):
            pixels = cv2.resize(cv2.imread(str(photos[i // 10])), (320, 320))
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        clip.mux(stream.encode())


@pytest.fixture(scope="module")
def finished(prepared: Path, work: Path, settings: None) -> Path:
    """The same with the run that most pages begin with, trained once where they run."""
    shutil.copytree(prepared, work)
    knownface.train(work / "data", out=work / "runs" / "data", recipe="frozen", backbone="mini",
                    strangers=work / "strangers")  # fmt: skip
    return Path(shutil.move(work, work.with_name("finished")))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every page runs; it is there only meanwhile."""
    return tmp_path_factory.mktemp("page") / "work"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No weight files and nobody to fetch them from, and what QUICK says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KNOWNFACE_WEIGHTS", str(tmp_path_factory.mktemp("no-weights")))
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        for name, value in QUICK.items():
            patch.setenv(name, value)
        patch.setattr(commands, "app", functools.partial(commands.app, auto_envvar_prefix="DOCS"))
        yield


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_a_page_runs(
    page: Path, finished: Path, prepared: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(prepared if page.name == "tutorial.md" else finished, work)
    monkeypatch.chdir(work)
    names: dict[str, Any] = {"__name__": "page"}
    try:
        for block in blocks_of(page):
            if block.why is None and block.language == "python":
                exec(compile(block.text, block.place, "exec"), names)
            elif block.why is None and block.language == "sh":
                for words in block.commands():
                    run_line(words, block, monkeypatch)
    finally:
        monkeypatch.chdir(work.parent)
        shutil.rmtree(work)


def run_line(line: list[str], block: Block, patch: pytest.MonkeyPatch) -> None:
    """A command as the shell would run it, in this process."""
    words = [match for word in line for match in sorted(glob.glob(word)) or [word]]
    said, code = f"{block.place}: {shlex.join(line)}", None
    if words[0] == "knownface":
        done = command_line(*words[1:])
        assert done.returncode == 0, f"{said}\n{done.stderr}"
    else:
        assert words[:2] == ["python", "train_model.py"], f"{said}: cannot be run here"
        patch.setattr(sys, "argv", words[1:])
        try:
            runpy.run_path(str(ROOT / "train_model.py"), run_name="__main__")
        except SystemExit as end:
            code = end.code
        assert not code, said


# ---------------------------------------------------------------- links
def slug(heading: str) -> str:
    """The anchor of a heading, as MkDocs and GitHub make it of plain words."""
    if named := re.search(r"\{ #([\w-]+) \}$", heading):
        return named[1]
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower().strip()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words))


def anchors(markdown: str) -> set[str]:
    text = BLOCK.sub("", markdown)
    return {slug(heading) for heading in re.findall(r"^#{1,6} (.+)$", text, re.M)}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    made = {(ROOT / "docs" / path).resolve(): text for path, text in site_pages.generated().items()}
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() or target in made, f"{page.name}: {link}"
        if anchor:
            there = made.get(target) or target.read_text(encoding="utf-8")
            assert anchor in anchors(there), f"{page.name}: {link}"


def test_the_reference_has_every_command_name_and_network() -> None:
    pages = site_pages.generated()
    for verb in commands.VERBS:
        assert f"## {verb} {{ #{verb} }}" in pages["reference/cli.md"]
    for name in knownface.__all__:
        assert f"::: knownface.{name}\n" in pages["reference/python.md"]
    for row in knownface.backbones():
        assert f"## {row['name']} {{" in pages["reference/networks.md"]
    for address in ("POST /v1/recognize", "GET /healthz"):
        assert f"### `{address}`" in pages["reference/http.md"]
    assert "`--far <float>`" in pages["reference/cli.md"]
    assert "--split" in pages["reference/cli.md"]
