"""Explanations on a page: cards of wrong answers and accepted strangers, the map of all faces."""

from __future__ import annotations

import numpy as np
from PIL import Image

from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import WORST, Accepted, Answer, Explanation
from knownface.pages.charts import scatter
from knownface.pages.page import Cell, Faces, Section, card, cards, paragraphs, table


def wrong_answers(evaluation: Evaluation, explanation: Explanation, faces: Faces) -> str:
    """A card for each of the worst, and a table where that is not all."""
    errors = {error.photo: error for error in evaluation.errors}
    shown = [each for each in explanation.answers if each.photo in errors][:WORST]
    items = [
        _card(
            f"{each.true}, taken for {each.predicted}",
            f"{each.photo} · similarity {errors[each.photo].similarity:.2f}, "
            f"{each.margin:.2f} more than with the right person",
            _pictures(each, f"tested {each.photo}", faces),
            {
                name: errors[each.photo].nearest.get(name, [])
                for name in (each.predicted, each.true)
            },
            explanation,
            faces,
        )
        for each in shown
    ]
    intro = paragraphs(
        "Worst first. The heat map shows what decided: the face is covered piece by piece; where "
        "that takes strength from the wrong name, the map is orange, where it takes strength from "
        "the right one, blue. Beside it are the training photos that are nearest to this one."
    )
    parts = [intro + cards(items)] if items else []
    if len(shown) < len(errors) or not errors:
        rows: list[list[Cell]] = [
            [e.photo, e.true, e.predicted, (f"{e.similarity:.2f}", e.similarity)]
            for e in evaluation.errors
        ]
        header = ("Photo", "True", "Predicted", "Similarity")
        parts.append(table("All wrong answers", header, rows))
    return "".join(parts)


def accepted_strangers(explanation: Explanation, faces: Faces) -> list[Section]:
    """A card for each stranger who was named; nothing where there is none."""
    items = [
        _card(
            f"A stranger, taken for {each.predicted}",
            f"{each.photo} · similarity {each.similarity:.2f}",
            _pictures(each, f"stranger {each.photo}", faces),
            {each.predicted: each.nearest},
            explanation,
            faces,
        )
        for each in explanation.accepted
    ]
    intro = paragraphs(
        "Photos of strangers whose similarity reached the threshold, the most similar first; those "
        "that were there when it was chosen too, which the rates above leave out. Where the heat "
        "map is orange, the face speaks for the name; where it is blue, against it."
    )
    title = "Strangers who were named"
    return [(title, intro + cards(items))] if items else []


def _pictures(answer: Answer | Accepted, key: str, faces: Faces) -> list[str]:
    """The photo itself and, where there is one, its heat map."""
    shown = [faces.figure(faces.add(key, answer.crop), answer.photo)]
    if answer.heat is not None:
        number = faces.add(f"heat of {key}", heat_picture(answer.crop, answer.heat))
        shown.append(faces.figure(number, f"Heat map of {answer.photo}"))
    return shown


def _card(
    title: str,
    about: str,
    own: list[str],
    nearest: dict[str, list[str]],
    explanation: Explanation,
    faces: Faces,
) -> str:
    """A photo beside the training photos that are nearest to it, by person."""
    groups, enrolled = {"this photo": own}, explanation.enrolled
    for name, photos in nearest.items():
        groups[f"nearest of {name}"] = [
            faces.figure(faces.add(f"enrolled {photo}", enrolled[photo]), photo)
            for photo in photos
            if photo in enrolled
        ]
    return card(title, about, groups)


def heat_picture(crop: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The crop in grey, orange where it spoke for the wrong name and blue for the right one."""
    size = crop.shape[1], crop.shape[0]
    strength = heat / max(float(np.abs(heat).max()), 1e-9)
    smooth = Image.fromarray(strength.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(smooth), -1, 1)[:, :, None]
    colour = np.where(values > 0, (255.0, 110.0, 0.0), (30.0, 110.0, 255.0))
    opacity = 0.7 * np.abs(values)
    grey = np.repeat(crop.mean(2, keepdims=True), 3, axis=2)
    return np.asarray((1 - opacity) * grey + opacity * colour).round().astype(np.uint8)


def map_of_faces(evaluation: Evaluation, explanation: Explanation) -> list[Section]:
    if not explanation.points:
        return []
    intro = paragraphs(
        "Each mark is a photo as the network sees it; alike ones lie near each other. Dots are "
        "training photos, crosses test photos, grey dots strangers; each person has a colour. "
        "Distances between far groups mean little (t-SNE)."
    )
    return [("Map of the faces", intro + scatter(explanation.points, evaluation.people))]
