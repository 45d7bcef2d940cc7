"""Photos and folders that contradict each other, on embeddings whose answers are known."""

from __future__ import annotations

import numpy as np

from knownface.diagnosis.agreement import measure_agreement
from knownface.diagnosis.filing import Filing


def people_and_faces(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of people whose photos have a cosine of about 0.6 with each other."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(size=(len(sizes), 128))
    faces = centres[labels] + 0.8 * rng.normal(size=(len(labels), 128))
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), labels


def filing(faces: np.ndarray, labels: np.ndarray) -> Filing:
    people = [f"person {i}" for i in range(int(labels.max()) + 1)]
    photos = [f"{people[label]}/{i}.jpg" for i, label in enumerate(labels)]
    agreement = measure_agreement(faces, labels, len(people))
    return Filing(people, photos, labels, np.arange(len(labels)), agreement)


def test_nothing_is_said_of_well_filed_photos() -> None:
    for sizes in ([8] * 6, [1] * 6, [2, 40, 5], [9], [3, 3]):
        found = filing(*people_and_faces(sizes))
        assert not list(found.folders())
        assert not list(found.misfiled())


def test_one_person_in_two_folders() -> None:
    faces, labels = people_and_faces([16, 8, 8, 8, 8])
    labels[:8] = 5
    problems = list(filing(faces, labels).folders())
    assert [(p.kind, p.person, p.other) for p in problems] == [
        ("one_person", "person 5", "person 0")
    ]
    assert problems[0].detail == (
        "person 0 and person 5 are probably one person: merge the folders"
    )
    found = filing(faces, labels)
    assert not list(found.misfiled())
    assert not list(found.two_names([(0, 8)]))  # the folders say it


def test_a_folder_of_many_people_is_no_person() -> None:
    faces, labels = people_and_faces([8] * 6 + [3] * 15)
    labels = np.minimum(labels, 6)
    found = filing(faces, labels)
    problems = list(found.folders())
    assert [(p.kind, p.person) for p in problems] == [("not_one_person", "person 6")]
    assert "strangers" in problems[0].detail
    alone = filing(*people_and_faces([8] * 6))
    assert abs(found.agreement.typical - alone.agreement.typical) < 0.02


def test_copies_under_two_names() -> None:
    faces, labels = people_and_faces([8] * 4)
    faces[8] = faces[0]  # a photo of the first lies in the second's folder too
    (wrong,) = filing(faces, labels).two_names([(0, 8)])
    assert (wrong.photo, wrong.other) == ("person 1/8.jpg", "person 0/0.jpg")
    few, owners = people_and_faces([1, 1, 8, 8])
    few[1] = few[0]
    both = filing(few, owners).two_names([(0, 1)])
    assert [p.photo for p in both] == ["person 0/0.jpg", "person 1/1.jpg"]


def test_a_photo_of_two_people_under_both_names_is_right() -> None:
    faces, labels = people_and_faces([8] * 4)
    assert not list(filing(faces, labels).two_names([(0, 8), (1, 9)]))
