"""Explanations on a page: a card for every wrong answer, and the map of all faces."""

from __future__ import annotations

from html import escape

import numpy as np
from PIL import Image

from knownface.charts import scatter
from knownface.explanation import WORST, Answer, Explanation
from knownface.page import Cell, Document, Faces, Section, paragraphs, table


def wrong_answers(document: Document, explanation: Explanation, faces: Faces) -> str:
    """A card for each of the worst, and a table where that is not all."""
    errors = {error["photo"]: error for error in document["errors"]}
    shown = [each for each in explanation.answers if each.photo in errors][:WORST]
    cards = "".join(_card(each, errors[each.photo], explanation, faces) for each in shown)
    intro = paragraphs(
        "Worst first. The heat map shows what decided: the face is covered piece by piece; where "
        "that takes strength from the wrong name, the map is orange, where it takes strength from "
        "the right one, blue. Beside it are the training photos that are nearest to this one."
    )
    parts = [f'{intro}<ul class="answers">{cards}</ul>'] if cards else []
    if len(shown) < len(errors) or not errors:
        rows: list[list[Cell]] = [
            [e["photo"], e["true"], e["predicted"], (f"{e['similarity']:.2f}", e["similarity"])]
            for e in document["errors"]
        ]
        header = ("Photo", "True", "Predicted", "Similarity")
        parts.append(table("All wrong answers", header, rows))
    return "".join(parts)


def _card(answer: Answer, error: Document, explanation: Explanation, faces: Faces) -> str:
    own = [faces.figure(faces.add(f"tested {answer.photo}", answer.crop), answer.photo)]
    if answer.heat is not None:
        picture = faces.add(f"heat {answer.photo}", heat_picture(answer.crop, answer.heat))
        own.append(faces.figure(picture, f"Heat map of {answer.photo}"))
    groups = [("this photo", own)]
    for name in (answer.predicted, answer.true):
        near = [p for p in error["nearest"].get(name, []) if p in explanation.enrolled]
        pictures = [
            faces.figure(faces.add(f"enrolled {p}", explanation.enrolled[p]), p) for p in near
        ]
        groups.append((f"nearest of {name}", pictures))
    shown = "".join(
        f"<div><p>{escape(title)}</p><div>{''.join(pictures)}</div></div>"
        for title, pictures in groups
        if any(pictures)
    )
    return (
        f"<li><h3>{escape(answer.true)}, taken for {escape(answer.predicted)}</h3><p>"
        f"{escape(answer.photo)} · similarity {error['similarity']:.2f}, {answer.margin:.2f} more "
        f'than with the right person</p><div class="faces">{shown}</div></li>'
    )


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


def map_of_faces(document: Document, explanation: Explanation) -> list[Section]:
    if not explanation.points:
        return []
    intro = paragraphs(
        "Each mark is a photo as the network sees it; alike ones lie near each other. Dots are "
        "training photos, crosses test photos, grey dots strangers; each person has a colour. "
        "Distances between far groups mean little (t-SNE)."
    )
    return [("Map of the faces", intro + scatter(explanation.points, document["people"]))]
