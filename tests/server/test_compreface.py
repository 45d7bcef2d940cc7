"""CompreFace's clients go on: its own one, and what Double Take asks."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

Start = Callable[..., TestClient]
ROOT = "/api/v1/recognition"
# An environment with `compreface-sdk==0.6.0` and `urllib3<2`, which is not ours to have.
CLIENT = Path(
    os.environ.get(
        "KNOWNFACE_COMPREFACE", Path(__file__).parents[2] / "build/compreface/bin/python"
    )
)


def said(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    if status >= 400:
        assert {"message", "code"} == response.json().keys()
    return response.json()


def add(client: TestClient, subject: str, photo: bytes) -> str:
    files = {"file": ("a.jpg", photo)}
    found = said(client.post(f"{ROOT}/faces", params={"subject": subject}, files=files), 201)
    assert found["subject"] == subject
    return str(found["image_id"])


def test_double_take_asks(client: TestClient, stranger: list[bytes], photo: bytes) -> None:
    """Its four calls, with its parameters: train, recognise, list, remove."""
    for each in stranger[:3]:
        add(client, "zac", each)
    asked = {"det_prob_threshold": "0.8"}
    found = client.post(f"{ROOT}/recognize", params=asked, files={"file": ("a.jpg", photo)})
    face = said(found)["result"][0]
    assert face["subjects"][0]["subject"] == "Tom_Cruise"
    assert 0.6 < face["subjects"][0]["similarity"] <= 1
    box = face["box"]
    assert 0 <= box["x_min"] < box["x_max"]
    assert 0 <= box["y_min"] < box["y_max"]
    listed = said(client.get(f"{ROOT}/faces", params={"size": 100}))
    assert sum(each["subject"] == "zac" for each in listed["faces"]) == 3
    assert said(client.delete(f"{ROOT}/faces", params={"subject": "zac"})) == {"deleted": 3}
    assert said(client.delete(f"{ROOT}/faces", params={"subject": "zac"})) == {"deleted": 0}


def test_no_face_and_several(client: TestClient, photo: bytes) -> None:
    def drawn(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=95)
        return file.getvalue()

    one = np.asarray(Image.open(io.BytesIO(photo)))
    several = {"file": drawn(np.concatenate([one, one], 1))}
    found = said(client.post(f"{ROOT}/faces", params={"subject": "x"}, files=several), 400)
    assert found["code"] == 31
    assert len(said(client.post(f"{ROOT}/recognize", files=several))["result"]) == 2
    limited = client.post(f"{ROOT}/recognize", params={"limit": 1}, files=several)
    assert len(said(limited)["result"]) == 1
    none = {"file": drawn(np.zeros((99, 99, 3), np.uint8))}
    found = said(client.post(f"{ROOT}/recognize", files=none), 400)
    assert found == {"message": "No face is found in the given image", "code": 28}
    said(client.post(f"{ROOT}/recognize", files={"file": b"no photo"}), 400)
    assert said(client.post(f"{ROOT}/recognize", files={"other": b""}), 400)["code"] == 34


def test_base64_plugins_and_predictions(client: TestClient, photo: bytes) -> None:
    text = base64.b64encode(photo).decode()
    asked = {"prediction_count": 3, "face_plugins": "calculator,landmarks,age", "status": "true"}
    for file in (text, f"data:image/jpeg;base64,{text}"):
        found = said(client.post(f"{ROOT}/recognize", params=asked, json={"file": file}))
    face = found["result"][0]
    assert np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-4)
    assert np.asarray(face["landmarks"]).shape == (5, 2)
    scores = [each["similarity"] for each in face["subjects"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert found["plugins_versions"]["detector"]
    for broken in ({"file": "!"}, {"file": 3}, {}, [], "x"):
        said(client.post(f"{ROOT}/recognize", json=broken), 400)


def test_subjects(client: TestClient, stranger: list[bytes]) -> None:
    assert "Tom_Cruise" in said(client.get(f"{ROOT}/subjects"))["subjects"]
    assert said(client.post(f"{ROOT}/subjects", json={"subject": "zac"}), 201) == {"subject": "zac"}
    assert said(client.post(f"{ROOT}/subjects", json={"subject": "zac"}), 400)["code"] == 43
    add(client, "zac", stranger[0])
    new = {"subject": "Zac Efron"}
    assert said(client.put(f"{ROOT}/subjects/zac", json=new)) == {"updated": "true"}
    assert said(client.put(f"{ROOT}/subjects/none", json=new), 404)["code"] == 42
    into = client.put(f"{ROOT}/subjects/Zac Efron", json={"subject": "Tom_Cruise"})
    assert said(into) == {"updated": "true"}
    assert "Zac Efron" not in said(client.get(f"{ROOT}/subjects"))["subjects"]
    assert said(client.delete(f"{ROOT}/subjects/Tom_Cruise")) == {"subject": "Tom_Cruise"}
    said(client.delete(f"{ROOT}/subjects/Tom_Cruise"), 404)
    assert said(client.delete(f"{ROOT}/subjects")) == {"deleted": 4}
    assert said(client.get(f"{ROOT}/subjects")) == {"subjects": []}


def test_examples(client: TestClient, stranger: list[bytes]) -> None:
    ids = [add(client, "zac", each) for each in stranger[:3]]
    assert add(client, "zac", stranger[0]) == ids[0]  # sent again, it is the same one
    page = said(client.get(f"{ROOT}/faces", params={"subject": "zac", "size": 2, "page": 1}))
    assert [each["image_id"] for each in page["faces"]] == ids[2:]
    assert (page["total_pages"], page["total_elements"]) == (2, 3)
    assert client.get(f"{ROOT}/faces/{ids[0]}/img").content.startswith(b"\xff\xd8")
    same = client.post(f"{ROOT}/faces/{ids[0]}/verify", files={"file": stranger[0]})
    assert said(same)["result"][0]["similarity"] > 0.9
    assert said(client.delete(f"{ROOT}/faces/{ids[0]}"))["subject"] == "zac"
    assert said(client.delete(f"{ROOT}/faces/{ids[0]}"), 404)["code"] == 44
    gone = said(client.post(f"{ROOT}/faces/delete", json=[*ids, "none"]))
    assert [each["image_id"] for each in gone] == ids[1:]
    assert "zac" in said(client.get(f"{ROOT}/subjects"))["subjects"]  # without a face
    said(client.get(f"{ROOT}/faces/{ids[0]}/img"), 404)


SCRIPT = """
import json, sys
from compreface import CompreFace
port, key, *photos = sys.argv[1:]
service = CompreFace("http://127.0.0.1", port).init_face_recognition(key)
faces, subjects = service.get_face_collection(), service.get_subjects()
said = [subjects.add("zac")]
said += [faces.add(photo, "zac") for photo in photos[:3]]
said += [service.recognize(photos[3], {"limit": 1, "prediction_count": 1, "status": True})]
said += [faces.verify(photos[0], said[1]["image_id"], {"det_prob_threshold": 0.5})]
said += [faces.list(), subjects.list(), subjects.update("zac", "Zac")]
said += [faces.delete(said[1]["image_id"]), faces.delete_all("Zac"), subjects.delete("Zac")]
said += [subjects.list(), subjects.delete_all(), subjects.list()]
print(json.dumps(said))
"""


@pytest.fixture
def port(start: Start) -> Iterator[int]:
    """The server at a port of this machine."""
    import uvicorn

    app = start().app
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def test_its_own_client(port: int, shared: Path) -> None:
    if not CLIENT.is_file():
        pytest.skip(
            "compreface-sdk==0.6.0 is not here: python -m venv build/compreface && "
            "build/compreface/bin/pip install compreface-sdk==0.6.0 'urllib3<2'"
        )
    photos = sorted((shared / "data" / "people" / "Zac_Efron").iterdir())[:4]
    command = [str(CLIENT), "-c", SCRIPT, str(port), "any key", *map(str, photos)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    announced, *added = (said := json.loads(done.stdout))[:4]
    assert announced == {"subject": "zac"}
    assert all(each["subject"] == "zac" and each["image_id"] for each in added)
    recognized, verified, listed, subjects, updated, one, all_, gone, left, rest, none = said[4:]
    assert recognized["result"][0]["subjects"][0]["similarity"] >= 0
    assert recognized["plugins_versions"]
    assert verified["result"][0]["similarity"] > 0.9
    assert listed["total_elements"] == 53
    assert "zac" in subjects["subjects"]
    assert updated == {"updated": "true"}
    assert one == {"image_id": added[0]["image_id"], "subject": "Zac"}
    assert all_ == {"deleted": 2}
    assert gone == {"subject": "Zac"}
    assert len(left["subjects"]) == rest["deleted"] == 5
    assert none == {"subjects": []}
