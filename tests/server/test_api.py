"""The API of the design: recognising, people, feedback, unknown people, history, undo."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import knownface as shell
from starlette.testclient import TestClient

from knownface.server.problems import MEDIA

Start = Callable[..., TestClient]


def said(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    if status >= 400:
        assert response.headers["content-type"] == MEDIA
        assert {"type", "title", "status", "detail"} == response.json().keys()
        assert response.json()["status"] == status
    return response.json()


def recognized(client: TestClient, *photos: bytes) -> list[dict[str, Any]]:
    files = [("photo", (f"{i}.jpg", photo)) for i, photo in enumerate(photos)]
    found: list[dict[str, Any]] = said(client.post("/v1/recognize", files=files))["photos"]
    return found


def test_the_answer_is_that_of_the_shell(client: TestClient, run: Path, people: Path) -> None:
    paths = [people / name / "001.jpg" for name in ("Tom_Cruise", "Megan_Fox", "Johnny_Depp")]
    found = recognized(client, *(path.read_bytes() for path in paths))
    printed = json.loads(shell("recognize", run, *paths, "--json").stdout)
    for ours, theirs in zip(found, printed["photos"], strict=True):
        tokens = [face.pop("face") for face in ours["faces"]]
        assert len(set(tokens)) == len(tokens) > 0
        assert ours["faces"] == theirs["faces"]


def test_a_photo_as_the_body(client: TestClient, photo: bytes) -> None:
    for kind in ("image/jpeg", "application/octet-stream"):
        found = client.post("/v1/recognize", content=photo, headers={"Content-Type": kind})
        assert said(found)["photos"][0]["faces"][0]["name"] == "Tom_Cruise"
    assert said(found)["device"]


def test_a_photo_that_cannot_be_read(client: TestClient, photo: bytes) -> None:
    one, two = recognized(client, photo, b"no photo")
    assert one["faces"]
    assert "1.jpg: not an image" in two["error"]
    refused = said(client.post("/v1/recognize", files={"photo": ("a.jpg", b"none")}), 422)
    assert "a.jpg: not an image" in refused["detail"]
    said(client.post("/v1/recognize", files={"other": b"x"}), 422)
    said(client.post("/v1/recognize", content=b"x", headers={"Content-Type": "text/plain"}), 415)
    said(client.get("/v1/recognize"), 405)
    said(client.get("/v1/nothing"), 404)


def test_a_newcomer_from_enrolment_to_forgetting(
    client: TestClient, stranger: list[bytes], run: Path
) -> None:
    assert recognized(client, stranger[3])[0]["faces"][0]["name"] != "Emma"
    files = [("photo", (f"emma {i}.jpg", each)) for i, each in enumerate(stranger[:3])]
    change = said(client.post("/v1/people/Emma/photos", files=files))
    assert change["text"] == "Emma is new, with 3 photos"
    assert change["before"]["known"] == change["after"]["known"]
    assert recognized(client, stranger[3])[0]["faces"][0]["name"] == "Emma"

    person = said(client.get("/v1/people/Emma"))
    assert person["photos"] == 3
    assert person == said(client.get(f"/v1/people/{person['id']}"))
    faces = said(client.get("/v1/people/Emma/faces"))["faces"]
    assert {face["source"] for face in faces} == {f"emma {i}.jpg" for i in range(3)}
    picture = client.get(f"/v1/faces/{faces[0]['id']}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")

    change_of(client, "Emma", {"name": "Emma Stone"})
    change_of(client, "Emma", {"born": "1988-11-06"})  # the name from before still leads there
    change_of(client, "Emma Stone", {"featured": faces[1]["id"]})
    person = said(client.get("/v1/people/Emma Stone"))
    assert (person["born"], person["featured"]) == ("1988-11-06", faces[1]["id"])
    said(client.delete(f"/v1/faces/{faces[2]['id']}"))
    assert said(client.get("/v1/people/Emma"))["photos"] == 2

    receipt = said(client.delete("/v1/people/Emma"))
    assert receipt["faces"] == 2
    assert receipt["searched"]["found"] == 0
    assert "Emma" not in json.dumps(receipt)
    said(client.get("/v1/people/Emma"), 404)
    assert (run / "report.html").is_file()  # written again
    assert recognized(client, stranger[3])[0]["faces"][0]["name"] != "Emma"


def change_of(client: TestClient, who: str, asked: dict[str, Any], status: int = 200) -> Any:
    return said(client.patch(f"/v1/people/{who}", json=asked), status)


def test_merging_splitting_and_what_was_said_of_two(client: TestClient) -> None:
    said(client.post("/v1/never-same", json={"one": "Megan_Fox", "other": "Adriana_Lima"}))
    refused = change_of(client, "Megan_Fox", {"merge_into": "Adriana_Lima"}, 409)
    assert "said to be two people" in refused["detail"]
    said(client.post("/v1/undo"))
    merged = change_of(client, "Megan_Fox", {"merge_into": "Adriana_Lima"})
    assert "Adriana_Lima" in merged["text"]
    assert len(said(client.get("/v1/people"))["people"]) == 4
    faces = said(client.get("/v1/people/Adriana_Lima/faces"))["faces"]
    numbers = [face["id"] for face in faces if face["source"].startswith("Megan")]
    assert numbers
    change_of(client, "Adriana_Lima", {"split": {"faces": numbers, "to": "Megan"}})
    history = said(client.get("/v1/history", params={"limit": 2}))["history"]
    assert [entry["verb"] for entry in history] == ["split", "merge"]
    earlier = said(client.get("/v1/history", params={"before": history[-1]["id"]}))["history"]
    assert earlier[0]["verb"] == "undo"
    assert history[0]["actor"] == "http"


@pytest.mark.parametrize("asked", [
    {}, {"name": None}, {"name": "a", "born": "1990-01-01"}, {"other": 1}, {"born": "yesterday"},
    {"featured": 0}, {"featured": 2**70}, {"name": ""}, {"split": {"faces": [], "to": "x"}}, [],
    "x",
])  # fmt: skip
def test_a_change_that_says_nothing_or_too_much(client: TestClient, asked: Any) -> None:
    change_of(client, "Tom_Cruise", asked, 422)


def test_conflicts_and_people_who_are_not_there(client: TestClient) -> None:
    change_of(client, "Tom_Cruise", {"name": "Megan_Fox"}, 409)
    change_of(client, "Tom_Cruise", {"merge_into": "nobody"}, 409)
    change_of(client, "nobody", {"name": "x"}, 404)
    said(client.get("/v1/people/999999"), 404)
    said(client.get(f"/v1/people/{10**30}"), 404)
    said(client.get("/v1/people/nobody/faces"), 404)
    said(client.delete("/v1/people/nobody"), 404)
    said(client.get("/v1/faces/999999"), 404)
    said(client.delete("/v1/faces/999999"), 409)
    said(client.post("/v1/undo", json={"change": 99}), 409)
    said(client.patch("/v1/unknowns/1", json={"name": "x"}), 404)  # is known


def test_feedback_by_token_and_by_photo(client: TestClient, stranger: list[bytes]) -> None:
    face = recognized(client, stranger[0])[0]["faces"][0]["face"]
    for given in ({"is": "Emma"}, {"not": "Megan_Fox"}, {"nobody": True}):
        assert said(client.post("/v1/feedback", json={"face": face, **given}))["verb"] == "correct"
        said(client.post("/v1/undo"))
    said(client.post("/v1/feedback", json={"face": face}), 422)
    said(client.post("/v1/feedback", json={"face": face, "is": "a", "nobody": True}), 422)
    said(client.post("/v1/feedback", json={"face": "none", "is": "a"}), 404)
    said(client.post("/v1/feedback", content=b"{", headers={"Content-Type": MEDIA}), 415)

    by_photo = client.post("/v1/feedback", files={"photo": stranger[1]}, data={"is": "Emma"})
    assert said(by_photo)["verb"] == "correct"
    assert said(client.get("/v1/people/Emma"))["photos"] == 1


def test_other_processes_are_followed(client: TestClient, run: Path, strangers: Path) -> None:
    photos = sorted((strangers / "Keanu_Reeves").iterdir())
    assert recognized(client, photos[3].read_bytes())[0]["faces"][0]["name"] is None
    assert shell("enroll", run, "Keanu", *photos[:3]).returncode == 0
    assert recognized(client, photos[3].read_bytes())[0]["faces"][0]["name"] == "Keanu"


def test_unknown_people_are_remembered_only_if_asked(start: Start, stranger: list[bytes]) -> None:
    recognized(start(), *stranger)
    client = start(keep_days=1)
    assert said(client.get("/v1/unknowns"))["unknowns"] == []
    recognized(client, *stranger)
    unknowns = _until(lambda: said(client.get("/v1/unknowns"))["unknowns"])
    number = unknowns[0]["id"]
    assert said(client.get("/v1/sightings"))["sightings"]
    said(client.get(f"/v1/people/{number}"), 404)
    named = said(client.patch(f"/v1/unknowns/{number}", json={"name": "Emma"}))
    assert "Emma" in named["text"]
    said(client.post("/v1/undo"))
    said(client.delete(f"/v1/unknowns/{number}"))
    assert all(each["id"] != number for each in said(client.get("/v1/unknowns"))["unknowns"])


def _until(found: Callable[[], Any]) -> Any:
    for _ in range(100):
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("nothing came")


def test_standing_and_health(client: TestClient) -> None:
    standing = said(client.get("/v1/standing"))
    assert 0 <= standing["dir"] <= 1
    assert "known faces named" in standing["sentence"]
    ready = client.get("/readyz")
    assert said(ready) == {"status": "ready"}
    assert ready.headers["cache-control"] == "no-store"
    assert ready.headers["x-content-type-options"] == "nosniff"


def test_each_route_has_an_example_and_problems(client: TestClient) -> None:
    paths = said(client.get("/v1/openapi.json"))["paths"]
    routes = [(path, method, route) for path, m in paths.items() for method, route in m.items()]
    assert len(routes) > 30
    for path, method, route in routes:
        answers = route["responses"]
        success = answers.get("200") or answers["201"]
        for kind in success["content"].values():
            assert "example" in kind or path == "/v1/openapi.json", (path, method)
        media = "application/json" if path.startswith("/api/v1/") else MEDIA
        assert media in answers["503"]["content"], (path, method)
        assert route["summary"]
        if "/people/{who}" in path or path == "/v1/recognize":
            assert route["description"]
