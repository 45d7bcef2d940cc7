"""Taking people over: from folders, from Frigate, and from a CompreFace server (a double of it)."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from typer.testing import CliRunner

import knownface
from knownface.cli.commands import app
from knownface.deployment import compreface, imports
from knownface.errors import Interrupted, KnownfaceError
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.recognizer import Recognizer

NEW = ("Emma_Watson", "Zac_Efron")
KEY = "00000000-0000-0000-0000-000000000002"


@pytest.fixture(scope="module")
def loaded(run_folder: Path) -> Recognizer:
    return Recognizer.load(run_folder)


@pytest.fixture
def recognizer(loaded: Recognizer, run_folder: Path, tmp_path: Path) -> Path:
    """A recogniser of its own to change."""
    return Path(shutil.copytree(run_folder / "recognizer", tmp_path / "recognizer"))


def photos_of(shared: Path, name: str, number: int = 3) -> list[Path]:
    return sorted((shared / "data" / "people" / name).iterdir())[:number]


def folders(shared: Path, root: Path, names: Iterable[str] = NEW) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        for photo in photos_of(shared, name):
            shutil.copy(photo, root / name)
    return root


def numbers(recognizer: Path) -> dict[str, int]:
    gallery = LivingGallery(recognizer)
    return {str(each.name): each.photos for each in gallery.people()}


def test_folders_come_once(recognizer: Path, shared: Path, tmp_path: Path) -> None:
    source = folders(shared, tmp_path / "people")
    (source / "Zac_Efron" / "torn.jpg").write_bytes(b"\xff\xd8\xff no photo")
    result = knownface.import_people("folders", source, recognizer)
    assert (result.people, result.added, result.there, result.left_out) == ([*NEW], 6, 0, 1)
    assert any("torn.jpg" in note for note in result.notes)
    assert {name: numbers(recognizer)[name] for name in NEW} == dict.fromkeys(NEW, 3)
    with_more = photos_of(shared, "Zac_Efron", 5)[-1]
    assert knownface.Recognizer.load(recognizer).recognize(with_more).faces[0].name == "Zac_Efron"
    again = knownface.import_people("folders", source, recognizer)
    assert (again.added, again.there, again.people) == (0, 6, [])
    assert json.loads(json.dumps(result.to_json()))["left_out"] == 1
    assert "6 of 7 photos came, of 2 people" in result.lines()[0]


def test_an_interruption_loses_nothing(
    recognizer: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folders(shared, tmp_path / "people")
    monkeypatch.setattr(imports, "AT_ONCE", 2)

    def until(last: int, items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        assert total == 6
        for i, item in enumerate(items):
            if i == last:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(Interrupted, match="2 photos came and stay"):
        knownface.import_people("folders", source, recognizer, track=partial(until, 2))
    assert numbers(recognizer)["Emma_Watson"] == 2
    rest = knownface.import_people("folders", source, recognizer)
    assert (rest.added, rest.there) == (4, 2)


def test_what_somebody_took_away_stays_away(
    recognizer: Path, shared: Path, tmp_path: Path, loaded: Recognizer
) -> None:
    source = folders(shared, tmp_path / "people")
    gallery = LivingGallery(recognizer)
    first, second, third = photos_of(shared, "Zac_Efron")
    knownface.import_people("folders", source, recognizer)
    seen = {path: loaded.see(path).faces[0] for path in (first, second, third)}
    gallery.correct(seen[first], not_="Zac_Efron")
    gallery.correct(seen[second], is_="Tom_Cruise")
    before = numbers(recognizer)
    again = knownface.import_people("folders", source, recognizer)
    assert again.added == 0
    assert numbers(recognizer) == before
    told = " ".join(again.notes)
    assert "took it away from Zac_Efron" in told
    assert "is enrolled as Tom_Cruise" in told


def test_a_removed_photo_and_a_face_of_nobody_stay_away(
    recognizer: Path, shared: Path, tmp_path: Path, loaded: Recognizer
) -> None:
    source = folders(shared, tmp_path / "people")
    gallery = LivingGallery(recognizer)
    nobody = loaded.see(photos_of(shared, "Emma_Watson")[0]).faces[0]
    gallery.correct(nobody, nobody=True)
    knownface.import_people("folders", source, recognizer)
    removed = gallery.remove(gallery.faces("Zac_Efron")[0].id)
    again = knownface.import_people("folders", source, recognizer)
    assert (again.added, again.there, again.left_out) == (0, 4, 2)
    gallery.undo(removed.id)
    assert knownface.import_people("folders", source, recognizer).there == 5


def test_a_group_photo_gives_the_face_that_agrees(
    recognizer: Path, shared: Path, tmp_path: Path, loaded: Recognizer
) -> None:
    source = folders(shared, tmp_path / "people", ["Zac_Efron"])
    own, other = photos_of(shared, "Zac_Efron", 6)[-1], photos_of(shared, "Emma_Watson")[0]
    both = Image.new("RGB", (800, 400))
    for x, path in ((0, other), (400, own)):
        both.paste(Image.open(path).convert("RGB").resize((400, 400)), (x, 0))
    both.save(source / "Zac_Efron" / "both.png")
    result = knownface.import_people("folders", source, recognizer)
    assert result.added == 4
    (face,) = (f for f in LivingGallery(recognizer).faces("Zac_Efron") if "both" in f.source)
    assert face.box[0] > 400


def test_frigate_faces_come_without_its_attempts(
    recognizer: Path, shared: Path, tmp_path: Path, loaded: Recognizer
) -> None:
    """Tight crops in WebP, as it writes them; `train` is nobody."""
    faces = tmp_path / "media" / "clips" / "faces"
    for name in (*NEW, "train"):
        (faces / name).mkdir(parents=True)
        for i, path in enumerate(photos_of(shared, NEW[0] if name == "train" else name)):
            x, y, width, height = map(int, loaded.see(path).faces[0].box)
            crop = Image.open(path).convert("RGB").crop((x, y, x + width, y + height))
            crop.save(faces / name / f"{name}_{i}.webp", quality=100)
    result = knownface.import_people("frigate", tmp_path / "media", recognizer)
    assert (result.people, result.added, result.photos) == ([*NEW], 6, 6)
    for name in NEW:
        shutil.rmtree(faces / name)
    with pytest.raises(KnownfaceError, match="only attempts"):
        knownface.import_people("frigate", faces, recognizer)


# ---------------------------------------------------------------- CompreFace
class Double(BaseHTTPRequestHandler):
    """Answers as CompreFace's REST description says; `pictures` by image_id, of `subjects`."""

    subjects: dict[str, str]
    pictures: dict[str, bytes]
    asked: list[str]
    code_for: Callable[[str], int]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.path)
        code = self.code_for(self.path)
        if code == 200 and self.headers.get("x-api-key") != KEY:
            code = 401
        if code == 200 and parts.path == "/api/v1/recognition/faces":
            query = {name: int(value[0]) for name, value in parse_qs(parts.query).items()}
            start, size = query["page"] * query["size"], query["size"]
            faces = [{"image_id": i, "subject": who} for i, who in self.subjects.items()]
            document = {
                "faces": faces[start : start + size], "page_number": query["page"],
                "page_size": size, "total_pages": -(-len(faces) // size),
                "total_elements": len(faces),
            }  # fmt: skip
            return self.answer(200, json.dumps(document).encode(), "application/json")
        if code == 200:
            number = parts.path.removeprefix("/api/v1/recognition/faces/").removesuffix("/img")
            return self.answer(200, self.pictures.get(number, b""), "image/jpeg")
        return self.answer(code, b'{"message": "no"}', "application/json")

    def answer(self, code: int, data: bytes, kind: str) -> None:
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Double]]]:
    """Five faces on three pages; the picture of one is not kept."""
    monkeypatch.setattr(compreface, "PAGE", 2)
    monkeypatch.setenv(imports.KEY, KEY)
    found = [(name, path) for name in NEW for path in photos_of(shared, name)][:5]

    class Here(Double):
        pass

    Here.subjects = {f"id-{i}": name for i, (name, _) in enumerate(found)}
    Here.pictures = {f"id-{i}": path.read_bytes() for i, (_, path) in enumerate(found) if i != 4}
    Here.asked, Here.code_for = [], staticmethod(lambda path: 200)
    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", Here
        listening.shutdown()


def test_compreface_comes_page_by_page_and_goes_on(
    server: tuple[str, type[Double]], recognizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, double = server
    result = knownface.import_people("compreface", address + "/", recognizer)
    assert (result.photos, result.added, result.people) == (5, 4, [*NEW])
    assert result.notes[0].startswith("compreface/id-4: the server keeps no picture")
    assert sum("page=" in each for each in double.asked) == 3
    sources = {face.source for face in LivingGallery(recognizer).faces("Emma_Watson")}
    assert sources == {"compreface/id-0", "compreface/id-1", "compreface/id-2"}
    again = knownface.import_people("compreface", address, recognizer)
    assert (again.added, again.there) == (0, 4)
    assert not any(KEY in each for each in double.asked)


@pytest.mark.parametrize(("code", "sentence"), [
    (401, "refuses the key"), (302, "the key is not sent there"), (500, "look into its log"),
])  # fmt: skip
def test_what_the_server_refuses_is_said(
    server: tuple[str, type[Double]], recognizer: Path, code: int, sentence: str
) -> None:
    address, double = server
    double.code_for = staticmethod(lambda path: code)
    with pytest.raises(KnownfaceError, match=sentence):
        knownface.import_people("compreface", address, recognizer)
    assert len(double.asked) == 1


def test_a_server_that_goes_away_leaves_what_came(
    server: tuple[str, type[Double]], recognizer: Path
) -> None:
    address, double = server
    double.code_for = staticmethod(lambda path: 500 if "id-3" in path else 200)
    with pytest.raises(KnownfaceError, match="answers with an error"):
        knownface.import_people("compreface", address, recognizer)
    assert numbers(recognizer)["Emma_Watson"] == 3
    double.code_for = staticmethod(lambda path: 200)
    assert knownface.import_people("compreface", address, recognizer).there == 3


def test_what_is_no_compreface_is_said(recognizer: Path, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    ask = partial(knownface.import_people, "compreface")
    monkeypatch.delenv(imports.KEY, raising=False)
    with pytest.raises(KnownfaceError, match="asks for a key"):
        ask("http://127.0.0.1:9", recognizer)
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    with pytest.raises(KnownfaceError, match="does not answer"):
        ask("http://127.0.0.1:9", recognizer, key_file=file)
    for address in ("file:///etc/passwd", "ftp://host", "127.0.0.1:8000", "http://a:b@host"):
        with pytest.raises(KnownfaceError, match="not the address of a server"):
            ask(address, recognizer, key_file=file)
    file.write_text("a\nb")
    with pytest.raises(KnownfaceError, match="holds what no key holds"):
        ask("http://127.0.0.1:9", recognizer, key_file=file)
    with pytest.raises(KnownfaceError, match="cannot be read"):
        ask("http://127.0.0.1:9", recognizer, key_file=tmp_path / "none")


def test_an_answer_that_is_no_list_of_faces(
    server: tuple[str, type[Double]], recognizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, double = server
    monkeypatch.setattr(double, "subjects", {})
    with pytest.raises(KnownfaceError, match="nothing came"):
        knownface.import_people("compreface", address, recognizer)
    monkeypatch.setattr(compreface.json, "loads", lambda data: [data])
    with pytest.raises(KnownfaceError, match="not as CompreFace does"):
        knownface.import_people("compreface", address, recognizer)


def test_names_that_are_none_are_left_out(recognizer: Path, shared: Path,
                                          server: tuple[str, type[Double]],
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    address, double = server
    monkeypatch.setattr(double, "subjects", {"id-0": "../evil", "id-3": "Zac_Efron"})
    result = knownface.import_people("compreface", address, recognizer)
    assert (result.people, result.left_out) == (["Zac_Efron"], 1)
    assert "is no name" in result.notes[0]


def test_other_kinds_take_no_key(recognizer: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match="key_file is for compreface"):
        knownface.import_people("folders", tmp_path, recognizer, key_file="x")
    with pytest.raises(KnownfaceError, match="compreface, frigate or folders, not other"):
        knownface.import_people("other", tmp_path, recognizer)  # type: ignore[arg-type]


def test_the_shell_says_the_same(recognizer: Path, shared: Path, tmp_path: Path) -> None:
    source = folders(shared, tmp_path / "people", ["Zac_Efron"])
    run = partial(CliRunner().invoke, app)
    done = run(["import", "folders", str(source), str(recognizer)])
    assert done.output.splitlines()[0].startswith("3 of 3 photos came, of 1 people")
    again = json.loads(run(["import", "folders", str(source), str(recognizer), "--json"]).stdout)
    assert (again["added"], again["there"]) == (0, 3)
    assert run(["import", "elsewhere", str(source), str(recognizer)]).exit_code == 2
