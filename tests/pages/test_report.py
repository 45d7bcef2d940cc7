"""Report pages: what they say, and how they behave in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import gallery_of
from typer.testing import CliRunner

from knownface.cli import app
from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.faces.photo import write_image
from knownface.measure.confidence import Bin, Calibration
from knownface.measure.evaluate import read_and_evaluate
from knownface.measure.evaluation import (
    CandidateScore,
    Evaluation,
    OpenSet,
    PersonScore,
    WrongAnswer,
)
from knownface.measure.explanation import (
    Accepted,
    Answer,
    Explanation,
    Point,
    explain,
    occlusion_map,
    plane,
)
from knownface.measure.folds import Folds
from knownface.measure.learning_curve import LearningPoint
from knownface.measure.look_alikes import LookAlike
from knownface.pages.check import write_check
from knownface.pages.notebook import evaluation_html, recognition_html
from knownface.pages.report import write_report
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import Recognition, RecognizedFace

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FAR = [float(far) for far in np.geomspace(1e-3, 1, 40)]
CALIBRATION = Calibration(
    0.071, 0.021, 0.31, 160, [Bin(c, c - 0.03, 20) for c in (0.35, 0.55, 0.75, 0.95)]
)
LOOK_ALIKES = [
    LookAlike("Person 0", "Person 1", 0.61, 0.08, 3), LookAlike("Person 0", "Ann", 0.6, None, 0),
]  # fmt: skip
LEARNING_CURVE = [
    LearningPoint(n, 1 - 0.4 / n, (0.95 - 0.4 / n, 1 - 0.2 / n), 0.9 - 0.6 / n)
    for n in (1, 2, 4, 8, 16, 32)
]


def invented(people: int, photos: int = 8) -> tuple[Evaluation, Explanation]:
    """An evaluation of invented people, one photo in ten wrong, and faces of smooth noise."""
    rng = np.random.default_rng(people)
    names = [f"Person {i}" for i in range(people)]
    truth = np.repeat(np.arange(people), photos)
    wrong = rng.random(len(truth)) < 0.1
    wrong[0] = True
    predicted = np.where(wrong, (truth + rng.integers(1, people, len(truth))) % people, truth)
    matrix = np.zeros((people, people), int)
    np.add.at(matrix, (truth, predicted), 1)
    faces = rng.integers(60, 200, (len(truth), 7, 7, 3)).repeat(16, 1).repeat(16, 2)
    answers = [
        Answer(f"{names[t]}/{i:03}.jpg", names[t], names[p], 0.1 * (t != p),
               faces[i].astype(np.uint8), rng.normal(size=(8, 8)) if t != p else None)
        for i, (t, p) in enumerate(zip(truth, predicted, strict=True))
    ]  # fmt: skip
    answers.sort(key=lambda answer: -answer.margin)
    enrolled = {
        f"{name}/enrolled-{i}.jpg": faces[i].astype(np.uint8) for name in names for i in (0, 1)
    }
    errors = [
        WrongAnswer(a.photo, a.true, a.predicted, 0.5, {
            name: [f"{name}/enrolled-0.jpg", f"{name}/enrolled-1.jpg"]
            for name in (a.true, a.predicted)
        })
        for a in answers if a.true != a.predicted
    ]  # fmt: skip
    accepted = [
        Accepted(f"Nobody/{i}.jpg", names[0], 0.6 - 0.1 * i, [f"{names[0]}/enrolled-0.jpg"],
                 faces[i].astype(np.uint8), rng.normal(size=(8, 8)))
        for i in range(2)
    ]  # fmt: skip
    kinds = ("training", "test", "stranger")
    points = [
        Point(*rng.random(2), kinds[i % 3], names[i % people], f"{i}.jpg") for i in range(1500)
    ]
    shares = {"0.001": 0.61, "0.01": 0.82, "0.1": 0.95}
    intervals = {far: (dir - 0.05, dir + 0.03) for far, dir in shares.items()}
    accuracy = float((~wrong).mean())
    open_set = OpenSet(
        far_target=0.01, threshold=0.42, threshold_source="given strangers",
        dir=0.81, dir_ci95=(0.75, 0.86), far=0.012, far_ci95=(0.004, 0.03), far_trials=180,
        strangers=180, strangers_source="given strangers", dir_at_far=shares,
        dir_at_far_ci95=intervals | {"0.001": (0.0, 0.64)},
        curve={"far": FAR, "dir": [0.6 + 0.13 * (3 + float(np.log10(far))) for far in FAR]},
    )  # fmt: skip
    evaluation = Evaluation(
        accuracy=accuracy, accuracy_ci95=(accuracy - 0.05, accuracy + 0.04),
        balanced_accuracy=accuracy, top5_accuracy=0.99, people=names,
        confusion_matrix=matrix.tolist(), open_set=open_set, errors=errors,
        per_person=[PersonScore(name, *rng.random(3), support=photos) for name in names],
        calibration=CALIBRATION, look_alikes=LOOK_ALIKES, learning_curve=LEARNING_CURVE,
        split={"train": 4 * len(truth), "validation": len(truth), "random_split_accuracy": 0.97},
        notes=[{"photo": "a.jpg", "person": "Ann", "kind": "no_face", "detail": "no face"}],
        backbone="mini", recipe="frozen", device="CPU", chosen="frozen", seconds=12.0,
        candidates=[CandidateScore("frozen", accuracy, None, 3.0, "test")],
        folds=Folds(0.94, (0.92, 0.96), [0.93, 0.94, 0.95], 400),
    )  # fmt: skip
    return evaluation, Explanation(answers, accepted, enrolled, points)


# ---------------------------------------------------------------- what pages say
def test_a_page_needs_nothing_else_and_explains_every_part(tmp_path: Path) -> None:
    write_report(tmp_path, *invented(20, 50))  # 1,000 tested photos
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) < 5_000_000
    assert "src=" not in page.replace("src=data", "")
    assert "http" not in page
    for heading in (
        "The people it knows", "Who is taken for whom", "Wrong answers", "Person by person",
        "Look-alikes", "Strangers", "Strangers who were named", "Confidence",
        "How many photos are enough", "Map of the faces", "What was tried", "Photos left out",
    ):  # fmt: skip
        assert f">{heading}</h2>" in page
    assert page.count("image/jpeg;base64") == 1  # every face once, in one sheet
    assert (tmp_path / "confusion_matrix.png").is_file()


def test_a_page_without_strangers_and_faces(tmp_path: Path) -> None:
    evaluation = replace(
        invented(3)[0], open_set=None, calibration=None, look_alikes=[], folds=None,
        learning_curve=LEARNING_CURVE[:1], candidates=[], notes=[],
    )  # fmt: skip
    write_report(tmp_path, evaluation)
    page = (tmp_path / "report.html").read_text()
    for heading in ("Confidence", "Strangers", "Look-alikes", "How many photos are enough"):
        assert f"{heading}</h2>" not in page
    assert "All wrong answers" in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["photos"] == [[error.photo, None] for error in evaluation.errors]


def test_what_few_strangers_cannot_say_is_said(tmp_path: Path) -> None:
    evaluation, explanation = invented(3)
    write_report(tmp_path, evaluation, explanation)
    assert "so few strangers cannot say" in (tmp_path / "report.html").read_text()
    sure = replace(evaluation.open_set, dir_at_far_ci95=dict.fromkeys(("0.01", "0.1"), (0.7, 0.9)))
    sure.dir_at_far.pop("0.001")
    write_report(tmp_path, replace(evaluation, open_set=sure), explanation)
    assert "so few strangers cannot say" not in (tmp_path / "report.html").read_text()


def test_hundreds_of_people(tmp_path: Path) -> None:
    evaluation, explanation = invented(300, 2)
    write_report(tmp_path, evaluation, explanation)
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) < 5_000_000
    assert "The 200 people with the lowest recall, of 300." in page


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evaluation, explanation = invented(2)
    evil = '</script><img src=x onerror="alert(1)">'
    changed = replace(evaluation, people=[evil, "Person 1"], errors=[
        WrongAnswer(evil, evil, "Person 1", 0.5, {}) for _ in evaluation.errors
    ])  # fmt: skip
    write_report(tmp_path, changed, explanation)
    page = (tmp_path / "report.html").read_text()
    assert "<img" not in page
    assert page.count("</script>") == 2


def test_notebooks_show_evaluations_and_recognitions(tmp_path: Path) -> None:
    from PIL import Image

    shown = evaluation_html(invented(3)[0])
    assert "Accuracy" in shown
    assert "95 % interval" in shown
    photo = tmp_path / "<b>.jpg"
    Image.new("RGB", (1600, 900), "grey").save(photo)
    face = RecognizedFace((100, 100, 200, 200), "Ann", 0.7, None)
    shown = recognition_html(Recognition(str(photo), (face,)))
    assert "data:image/jpeg;base64," in shown
    assert "&lt;b&gt;.jpg Ann 0.70" in shown
    for path in ("", str(tmp_path / "gone.jpg")):
        assert "<img" not in recognition_html(Recognition(path, (face,)))


# ---------------------------------------------------------------- explanations
class LooksAtOneCorner:
    """An embedder whose first number is how bright the upper left quarter is."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        half = crops.shape[1] // 2
        corner = crops[:, :half, :half].mean((1, 2, 3)) / 255
        return np.stack([corner, np.zeros_like(corner)], 1)


def test_heat_lies_where_the_decision_is_made() -> None:
    crop = np.full((30, 30, 3), 255, np.uint8)
    heat = occlusion_map(LooksAtOneCorner(), crop, np.array([1.0, 0.0]))  # type: ignore[arg-type]
    assert heat.shape == (8, 8)
    assert heat[:4, :4].min() > 0
    assert np.abs(heat[5:, 5:]).max() < 1e-9


def test_answers_are_those_of_the_evaluation(run_folder: Path, people: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    gallery = recognizer.gallery
    swapped = np.roll(np.arange(len(gallery.people)), 1)
    recognizer.gallery = replace(gallery, templates=gallery.templates[swapped])  # nearly all wrong
    evaluation, portraits, _ = read_and_evaluate(recognizer, people)
    found = explain(recognizer, portraits)
    wrong = [answer for answer in found.answers if answer.true != answer.predicted]
    assert len(found.answers) == evaluation.tested
    assert {answer.photo for answer in wrong} == {error.photo for error in evaluation.errors}
    assert found.answers[: len(wrong)] == wrong  # they come first, the worst on top
    assert wrong[0].margin >= wrong[-1].margin > 0
    assert all((answer.heat is not None) == (answer in wrong) for answer in found.answers)
    assert set(found.enrolled) == set(gallery.photos)
    assert {point.kind for point in found.points} == {"training", "test"}


def test_strangers_who_are_named_are_explained(
    run_folder: Path, people: Path, strangers: Path, tmp_path: Path
) -> None:
    recognizer = Recognizer.load(run_folder)
    evaluation, portraits, others = read_and_evaluate(recognizer, people, strangers)
    assert others is not None
    scores = recognizer.gallery.match(others.embeddings)[1]
    recognizer.threshold = replace(recognizer.threshold, value=float(np.sort(scores)[-3]))
    found = explain(recognizer, portraits, others)
    assert [each.similarity for each in found.accepted] == sorted(scores, reverse=True)[:3]
    worst = found.accepted[0]
    assert worst.photo == others.photos[scores.argmax()]
    assert {Path(photo).parent.name for photo in worst.nearest} == {worst.predicted}
    assert set(worst.nearest) <= set(found.enrolled)
    write_report(tmp_path, evaluation, found)
    page = (tmp_path / "report.html").read_text()
    for each in found.accepted:
        assert f"<h3>A stranger, taken for {each.predicted}</h3><p>{each.photo} " in page
    recognizer.threshold = replace(recognizer.threshold, value=1.0)
    assert explain(recognizer, portraits, others).accepted == []
    # Whoever is not enrolled is a stranger, wherever the photo lies.
    recognizer.threshold = replace(recognizer.threshold, value=-1.0)
    assert len(explain(recognizer, others.select(np.arange(2))).accepted) == 2


def test_alike_faces_lie_together() -> None:
    gallery = gallery_of(5, 20)
    places = plane(gallery.embeddings)
    assert places.shape == (100, 2)
    assert places.min() == 0
    assert places.max() == 1
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(100)
    assert (gallery.labels[distances.argmin(1)] == gallery.labels).mean() > 0.95
    assert np.isfinite(plane(gallery.embeddings[:5])).all()


# ---------------------------------------------------------------- several runs
def test_runs_side_by_side(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(run_folder / "evaluation.json", other)
    out = tmp_path / "pages" / "both.html"
    done = CliRunner().invoke(
        app, ["report", str(run_folder), str(other), "--out", str(out), "--json"]
    )
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["run"] for row in rows] == [str(run_folder), str(other)]
    page = out.read_text()
    assert "2 runs compared" in page
    assert "not tested on the same photos" in page  # the other one does not say on which
    alone = CliRunner().invoke(app, ["report", str(run_folder), "--out", str(out), "--quiet"])
    assert "95 % interval" in alone.stdout
    assert "One split for all" in out.read_text()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"backbone": "mini"}'])
def test_a_folder_that_is_no_run_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "evaluation.json").write_text(content)
    done = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "out.html")])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.html").exists()


# ---------------------------------------------------------------- in a browser
@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no browser: install Debian's chromium to test the pages in it")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for people in (2, 20, 100):
        (folder / str(people)).mkdir()
        write_report(folder / str(people), *invented(people))
    return {people: folder / str(people) / "report.html" for people in (2, 20, 100)}


@contextmanager
def opened(browser: Any, path: Path, scheme: str = "light", width: int = 1100) -> Iterator[Any]:
    """A page that must neither complain on the console nor ask the network for anything."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert [fault for fault in faults if not fault.startswith(("data:", "file:"))] == []
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("dark", 390)])
@pytest.mark.parametrize("people", [2, 20, 100])
def test_pages_are_accessible(
    people: int, scheme: str, width: int, browser: Any, pages: dict[int, Path]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, pages[people], scheme, width) as page:
        page.locator(".matrix button").first.focus()  # its photos are examined too
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 390)])
def test_the_page_of_check_is_accessible(
    scheme: str, width: int, browser: Any, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    write_image(tmp_path / "a.jpg", np.full((60, 90, 3), 200, np.uint8))
    problems = tuple(
        Problem(kind, "a.jpg", "A very long name of somebody", "a.jpg", "why") for kind in KINDS
    )
    page_path = tmp_path / "check.html"
    examples = {"A very long name of somebody": "a.jpg"}
    write_check(page_path, Diagnosis(tmp_path, (), (), problems, frozenset(), examples, "CPU"))
    with opened(browser, page_path, scheme, width) as page:
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".face").first.bounding_box()["width"] > 80


@pytest.mark.parametrize("people", [2, 20, 100])
def test_a_cell_shows_its_photos(people: int, browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[people]) as page:
        behind = page.locator("#behind")
        wrong = page.locator(".matrix button[aria-label*='taken for']").first
        wrong.hover()
        assert wrong.get_attribute("aria-label") in behind.inner_text()
        faces = behind.locator(".face")
        assert faces.count() == int(wrong.inner_text())
        style = "getComputedStyle(document.querySelector('#behind .face')).backgroundImage"
        assert page.evaluate(style).startswith('url("data:image/jpeg')
        page.keyboard.press("Escape")
        assert faces.count() == 0
        first = page.locator(".matrix button[tabindex='0']")
        first.focus()
        before = behind.inner_text()
        page.keyboard.press("ArrowDown")
        assert "photo" in behind.inner_text() != before
        assert page.evaluate("document.activeElement.dataset.row") != "0"


def test_tables_sort_by_click_and_by_key(browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[20]) as page:
        table = page.locator("#person-by-person table")

        def column(number: int) -> list[str]:
            return table.locator(f"tbody tr > :nth-child({number})").all_inner_texts()

        recall = table.get_by_role("button", name="Recall")
        recall.click()
        shares = [float(cell.removesuffix("\u00a0%")) for cell in column(3)]
        assert shares == sorted(shares, reverse=True)
        recall.press("Enter")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        assert [float(cell.removesuffix("\u00a0%")) for cell in column(3)] == sorted(shares)
        table.get_by_role("button", name="Person").click()
        assert column(1) == [f"Person {i}" for i in range(20)]


def test_the_map_shows_one_person(browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[20]) as page:
        page.get_by_label("Show").select_option("Person 3")
        shown = page.locator(".map g:not(.away)")
        assert shown.count() == 1
        assert shown.get_attribute("data-person") == "Person 3"


def test_the_comparison_in_a_browser(browser: Any, run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", str(run_folder), str(run_folder), "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    with opened(browser, out, "dark", 390) as page:
        page.get_by_role("button", name="Accuracy").click()
        assert page.locator("th[aria-sort=descending]").count() == 1
        page.locator("#runs a").first.click()
        assert "photos named right" in page.title()
